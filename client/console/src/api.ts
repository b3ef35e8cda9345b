// The gateway's API. Everything is asked of the host that this page came from.
import { read, write } from './session';
import { EventReader, type ServerEvent } from './sse';
import type { WireConverted, WireCounts, WireGrade, WireGrader, WireJob, WireLeader, WireMetrics, WireModel, WirePlan, WirePreset, WireProblem, WireSummary, WireWorker } from './wire';

const tokenKey = 'moa.token';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problems: WireProblem[] = [],
  ) {
    super(message);
  }
}

let token = read(tokenKey) ?? '';
let askForToken: (rejected: boolean) => Promise<string> = () => Promise.reject(new ApiError(401, 'a token is needed'));
let asking: Promise<string> | null = null;

// Who asks the person for a token; one question at a time, however many requests need the answer.
export function onTokenNeeded(ask: (rejected: boolean) => Promise<string>): void {
  askForToken = ask;
}

async function newToken(used: string): Promise<void> {
  if (token !== used) return; // another request has it already
  asking ??= askForToken(used !== '').finally(() => (asking = null));
  token = await asking;
  write(tokenKey, token);
}

async function problemOf(response: Response): Promise<ApiError> {
  let message = `${response.status} ${response.statusText}`;
  let problems: WireProblem[] = [];
  try {
    const body = (await response.json()) as { error?: { message?: string; problems?: WireProblem[] } };
    if (body.error?.message) message = body.error.message;
    problems = body.error?.problems ?? [];
  } catch {
    // Not JSON: the status has to do.
  }
  return new ApiError(response.status, message, problems);
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = token;
    const headers = new Headers(init.headers);
    if (used) headers.set('Authorization', `Bearer ${used}`);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, 'the gateway cannot be reached');
    }
    if (response.status === 401) {
      await newToken(used);
      continue;
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await request(path, { signal })).json() as Promise<T>;
const post = async <T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> =>
  (
    await request(path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) })
  ).json() as Promise<T>;

const jobPath = (id: string): string => `/v1/jobs/${encodeURIComponent(id)}`;

// An idempotency key.
export const newKey = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export interface JobPage {
  jobs: WireSummary[];
  next_page_token?: string;
}

export const api = {
  inspect: async (job: object, signal?: AbortSignal) =>
    (await request('/v1/jobs/inspect', { method: 'POST', body: JSON.stringify(job), signal })).json() as Promise<WirePlan>,
  // A job file as it is; the name says what it is.
  convert: async (text: string, file: string, signal?: AbortSignal) =>
    (await request(`/v1/jobs/convert?file=${encodeURIComponent(file)}`, { method: 'POST', body: text, signal })).json() as Promise<WireConverted>,
  // The key makes a repeated request harmless.
  submit: (job: object, key: string) =>
    post<{ job_id: string; state: string; warnings?: string[] }>('/v1/jobs', job, { 'Idempotency-Key': key }),
  job: (id: string, signal?: AbortSignal) => get<WireJob>(jobPath(id), signal),
  cancel: (id: string) => post<WireJob>(`${jobPath(id)}/cancel`, { reason: 'stopped in the web console' }),
  jobs: (query: { state?: string; tenant?: string; search?: string; page_size?: number; page_token?: string }, signal?: AbortSignal) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value) search.set(name, String(value));
    return get<JobPage>(`/v1/jobs?${search}`, signal);
  },
  counts: (signal?: AbortSignal) => get<WireCounts>('/v1/jobs/count', signal),
  presets: async (signal?: AbortSignal) => (await get<{ presets: WirePreset[] }>('/v1/presets', signal)).presets,
  graders: async (signal?: AbortSignal) => (await get<{ graders: WireGrader[] }>('/v1/graders', signal)).graders,
  leaderboard: async (grader: string, tenant: string, signal?: AbortSignal) =>
    (await get<{ leaderboard: WireLeader[] }>(`/v1/leaderboard?${new URLSearchParams({ grader, tenant })}`, signal)).leaderboard,
  // The newest.
  grades: async (grader: string, tenant: string, signal?: AbortSignal) =>
    (await get<{ grades: WireGrade[] }>(`/v1/grades?${new URLSearchParams({ grader, tenant, page_size: '200' })}`, signal)).grades,
  workers: async (signal?: AbortSignal) => (await get<{ workers: WireWorker[] }>('/v1/workers', signal)).workers,
  metrics: (names: string[], signal?: AbortSignal) => get<WireMetrics>(`/v1/metrics?names=${names.join(',')}`, signal),
  models: async (signal?: AbortSignal) => (await get<{ models: WireModel[] }>('/v1/model-table', signal)).models,
};

// One connection to a job's events, until it ends. Resolves when the stream ends, whether the job did or not.
export async function readEvents(
  id: string,
  after: number,
  signal: AbortSignal,
  onEvents: (events: ServerEvent[]) => void,
): Promise<void> {
  const response = await request(`${jobPath(id)}/events?after=${after}&progress=true`, {
    signal,
    headers: { Accept: 'text/event-stream' },
  });
  const body = response.body?.getReader();
  if (!body) return;
  const reader = new EventReader();
  for (;;) {
    const { done, value } = await body.read();
    if (done) return;
    const events = reader.push(value);
    if (events.length) onEvents(events);
  }
}
