// A job followed live: reads its events, comes back where the connection broke, and tells its watchers at most once a
// frame, each only of what it watches.
import { ApiError, api, readEvents } from './api';
import { type JobUpdate, type JobView, apply, hasEnded, merge, newJob } from './job';
import { Pace } from './pace';
import type { ServerEvent } from './sse';
import type { WireJob } from './wire';

const retryMs = [250, 500, 1000, 2000, 4000];

export type LinkState = 'connecting' | 'live' | 'waiting' | 'closed';

function updateOf(event: ServerEvent): JobUpdate | null {
  let data: unknown;
  try {
    data = JSON.parse(event.data);
  } catch {
    return null;
  }
  if (typeof data !== 'object' || data === null) return null;
  const update = data as Record<string, unknown>;
  const type = typeof update.type === 'string' ? update.type : event.name;
  const durable = !type.startsWith('task_') || type === 'task_finished';
  const sequence = typeof update.sequence === 'number' ? update.sequence : durable && event.id ? Number(event.id) : undefined;
  return { ...update, type, sequence };
}

export class LiveJob {
  readonly view: JobView;
  link: LinkState = 'connecting';
  problem: ApiError | null = null;

  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly pace = new Pace();
  private frame = 0;
  private readonly abort = new AbortController();

  constructor(id: string) {
    this.view = newJob(id);
    void this.follow();
  }

  // "" is the job as a whole, else a task's key. Returns what ends the watching.
  watch(key: string, callback: () => void): () => void {
    const set = this.watchers.get(key) ?? new Set();
    this.watchers.set(key, set.add(callback));
    return () => set.delete(callback);
  }

  close(): void {
    this.abort.abort();
    cancelAnimationFrame(this.frame);
  }

  async cancel(): Promise<void> {
    merge(this.view, await api.cancel(this.view.id));
    this.touchAll();
  }

  private touch(keys: string[], lastFrame?: number): void {
    this.pace.add(keys);
    if (this.frame || this.pace.isEmpty) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      const due = this.pace.take(lastFrame === undefined ? undefined : now - lastFrame);
      for (const key of due) for (const callback of this.watchers.get(key) ?? []) callback();
      this.touch([], now);
    });
  }

  private touchAll(): void {
    this.touch(['', ...this.watchers.keys()]);
  }

  private take(events: ServerEvent[]): void {
    this.link = 'live';
    const touched: string[] = [];
    for (const event of events) {
      const update = updateOf(event);
      if (update) touched.push(...apply(this.view, update, Date.now()));
    }
    this.touch(touched);
  }

  // The job as it is stored now, shown as far as events do not tell it.
  private async readStored(): Promise<WireJob | null> {
    try {
      const stored = await api.job(this.view.id, this.abort.signal);
      this.view.asked ??= stored.job ?? null;
      this.view.follows ??= stored.follows ?? null;
      this.touch(['']);
      return stored;
    } catch {
      return null; // the events tell of what is wrong
    }
  }

  private async follow(): Promise<void> {
    const { signal } = this.abort;
    const first = this.readStored();
    let failures = 0;
    while (!signal.aborted) {
      try {
        const before = this.view.sequence;
        if (!hasEnded(this.view.state)) {
          await readEvents(this.view.id, this.view.sequence, signal, (events) => this.take(events));
        }
        if (this.view.sequence > before) failures = 0;
        if (hasEnded(this.view.state)) {
          // Who comes when it is over has read it as it stays.
          const stored = await first;
          merge(this.view, stored && hasEnded(stored.state) ? stored : await api.job(this.view.id, signal));
          this.link = 'closed';
          this.problem = null;
          return this.touchAll();
        }
        failures += 1; // ended early: a draining gateway, or a reader that was too slow
      } catch (error) {
        if (signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(0, 'the connection broke');
        if ([400, 401, 403, 404, 405].includes(known.status)) {
          this.problem = known;
          this.link = 'closed';
          return this.touchAll();
        }
        failures += 1;
      }
      this.link = 'waiting';
      this.touch(['']);
      const wait = retryMs[Math.min(failures - 1, retryMs.length - 1)] ?? 1000;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
