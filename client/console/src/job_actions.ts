// What can be done with a job that is there already.
import { api, newKey } from './api';
import { remember } from './history';
import type { WireJobFile } from './wire';

// Submits the same again; resolves to the new job's id.
export async function askAgain(asked: WireJobFile): Promise<string> {
  const reply = await api.submit(asked, newKey());
  remember(reply.job_id, null);
  return reply.job_id;
}
