import { useCallback, useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { ApiError } from './api';
import type { JobView, Task } from './job';
import { LiveJob } from './live_job';

// The query of the page's place: "#/jobs?state=FAILED".
export const queryOfPlace = (): URLSearchParams => new URLSearchParams(location.hash.split('?')[1] ?? '');

// Where the page is: "#/jobs/abc?x=y" is ['jobs', 'abc'].
export function useRoute(): string[] {
  const read = (): string[] =>
    (location.hash.split('?')[0] ?? '').replace(/^#\/?/, '').split('/').filter(Boolean).map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = (): void => setRoute(read());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

// Draws again when what is watched of a job has changed.
export function useWatch(job: LiveJob, key: string): void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => job.watch(key, () => redraw(undefined)), [job, key]);
}

// The job of that id, followed as long as the view is there.
export function useLiveJob(id: string): LiveJob {
  const held = useRef<{ id: string; job: LiveJob } | null>(null);
  if (held.current?.id !== id) {
    held.current?.job.close();
    held.current = { id, job: new LiveJob(id) };
  }
  useEffect(() => () => held.current?.job.close(), []);
  useWatch(held.current.job, '');
  return held.current.job;
}

const retryMs = 3_000;

// Asks again and again while somebody looks; the last good answer stays when one fails.
export function usePoll<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, keys: unknown[] = []): {
  value: T | null;
  problem: string | null;
  again: () => void;
} {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [round, again] = useReducer((n: number) => n + 1, 0);
  const asked = useRef(ask);
  asked.current = ask;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const turn = async (): Promise<void> => {
      clearTimeout(timer);
      if (asking) return;
      asking = true;
      let next = everyMs;
      try {
        const answer = await asked.current(abort.signal);
        if (abort.signal.aborted) return;
        setValue(answer);
        setProblem(null);
      } catch (error) {
        if (abort.signal.aborted) return;
        setProblem(error instanceof ApiError ? error.message : String(error));
        next = Math.min(everyMs, retryMs);
      }
      asking = false;
      if (!document.hidden) timer = setTimeout(() => void turn(), next);
    };
    const shown = (): void => {
      if (!document.hidden) void turn();
    };
    void turn();
    document.addEventListener('visibilitychange', shown);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [everyMs, round, ...keys]);
  return { value, problem, again: useCallback(() => again(undefined), []) };
}

const tickMs = 250;
const ticking = new Set<() => void>();
let ticker: ReturnType<typeof setInterval> | undefined;

// Draws again every so often, for clocks that run; all of them together.
export function useTick(on: boolean): void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    if (!on) return;
    const tick = (): void => redraw(undefined);
    ticking.add(tick);
    ticker ??= setInterval(() => ticking.forEach((one) => one()), tickMs);
    return () => {
      ticking.delete(tick);
      if (ticking.size > 0) return;
      clearInterval(ticker);
      ticker = undefined;
    };
  }, [on]);
}

export const elapsed = (job: JobView): number | null =>
  job.latencyMs ?? (job.acceptedAt === null ? null : Math.max(0, Date.now() - job.acceptedAt));

export function runTime(job: JobView, task: Task): number | null {
  if (task.result?.run_ms) return task.result.run_ms;
  if (task.state !== 'RUNNING' || task.began === null || job.acceptedAt === null) return null;
  return Math.max(0, Date.now() - job.acceptedAt - task.began);
}
