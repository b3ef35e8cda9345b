// Attempts at the challenge: each runs a job and has its answer graded. They are kept as long as the tab is, so that they
// go on after a reload and while another view is shown.
import { ApiError, api, newKey } from '../api';
import type { JsonObject } from '../builder/tree';
import { hasEnded } from '../job';
import { read, write } from '../session';
import type { WireJob } from '../wire';
import { type Grade, readGrade } from './grade';

export interface Attempt {
  key: string; // of the job's submission
  name: string; // of the configuration
  grader: string;
  job: JsonObject | null; // null: code that was pasted
  code: string;
  jobId: string;
  gradingId: string;
  state: 'running' | 'grading' | 'graded' | 'failed';
  error: string;
  grade: Grade | null;
  tokens: number;
  ms: number;
}

const storageKey = 'moa.challenge';
const keptMax = 60;
const atOnce = 4;
const pollMs = [300, 500, 1000, 2000];

const isAttempt = (one: unknown): one is Attempt => typeof one === 'object' && one !== null && typeof (one as Attempt).key === 'string' && typeof (one as Attempt).state === 'string';

function kept(): Attempt[] {
  try {
    const all: unknown = JSON.parse(read(storageKey) ?? '[]');
    return Array.isArray(all) ? all.filter(isAttempt) : [];
  } catch {
    return [];
  }
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

// The job as it has ended; a gateway that is away for a while is waited for.
async function ended(id: string): Promise<WireJob> {
  for (let tries = 0; ; ++tries) {
    try {
      const job = await api.job(id);
      if (hasEnded(job.state)) return job;
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
    }
    await sleep(pollMs[Math.min(tries, pollMs.length - 1)] ?? 2000);
  }
}

function answerOf(job: WireJob): string {
  if (job.state !== 'SUCCEEDED') throw new Error(`the job ${job.state === 'FAILED' ? 'failed' : 'was cancelled'}: ${job.error?.message ?? ''}`);
  return job.answer ?? '';
}

export class Attempts {
  private attempts = kept();
  private readonly watchers = new Set<() => void>();
  private running = 0;

  constructor() {
    for (const attempt of this.attempts) if (attempt.state === 'running' || attempt.state === 'grading') void this.run(attempt);
  }

  // Newest first.
  get all(): readonly Attempt[] {
    return this.attempts;
  }

  watch(redraw: () => void): () => void {
    this.watchers.add(redraw);
    return () => void this.watchers.delete(redraw);
  }

  start(name: string, grader: string, job: JsonObject, count: number): void {
    // Attempts differ, also where the job names a seed.
    const first = typeof job.seed === 'number' ? job.seed : Math.floor(Math.random() * 2 ** 31);
    for (let i = 0; i < count; ++i) this.add({ name, grader, job: { ...job, seed: first + i }, code: '' });
  }

  grade(code: string, grader: string): void {
    this.add({ name: 'pasted code', grader, job: null, code });
  }

  forget(): void {
    this.attempts = this.attempts.filter((one) => one.state === 'running' || one.state === 'grading');
    this.changed();
  }

  private add(of: Pick<Attempt, 'name' | 'grader' | 'job' | 'code'>): void {
    const attempt: Attempt = { ...of, key: newKey(), jobId: '', gradingId: '', state: of.job ? 'running' : 'grading', error: '', grade: null, tokens: 0, ms: 0 };
    this.attempts = [attempt, ...this.attempts].slice(0, keptMax);
    this.changed();
    void this.run(attempt);
  }

  private async run(attempt: Attempt): Promise<void> {
    while (this.running >= atOnce) await sleep(100);
    ++this.running;
    try {
      if (attempt.state === 'running') await this.answer(attempt);
      await this.judge(attempt);
      attempt.state = 'graded';
    } catch (error) {
      attempt.state = 'failed';
      attempt.error = error instanceof Error ? error.message : String(error);
    }
    --this.running;
    this.changed();
  }

  private async answer(attempt: Attempt): Promise<void> {
    // The same key after a reload: the same job.
    attempt.jobId ||= (await api.submit(attempt.job ?? {}, attempt.key)).job_id;
    this.changed();
    const job = await ended(attempt.jobId);
    attempt.tokens = (job.usage?.prompt_tokens ?? 0) + (job.usage?.completion_tokens ?? 0);
    attempt.ms = job.latency_ms ?? 0;
    answerOf(job);
    attempt.state = 'grading';
    this.changed();
  }

  private async judge(attempt: Attempt): Promise<void> {
    const what = attempt.jobId ? { grades: attempt.jobId } : { prompt: attempt.code };
    const tenant = attempt.job?.tenant;
    const job = { name: `grade of ${attempt.name}`.slice(0, 200), ...(tenant ? { tenant } : {}), ...what, deadline: '120s', moa: { aggregator: { name: 'grader', grader: attempt.grader } } };
    attempt.gradingId ||= (await api.submit(job, `${attempt.key}-grade`)).job_id;
    this.changed();
    attempt.grade = readGrade(answerOf(await ended(attempt.gradingId)));
    if (!attempt.grade) throw new Error('the answer is no grade');
  }

  private changed(): void {
    write(storageKey, JSON.stringify(this.attempts));
    for (const redraw of this.watchers) redraw();
  }
}

let only: Attempts | null = null;
// Those of this tab, made when they are first asked for.
export const attempts = (): Attempts => (only ??= new Attempts());
