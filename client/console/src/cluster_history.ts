// The last minutes of a cluster, as long as somebody looks at it; kept while other views are open.
import { type Scrape, level, quantile, rateOf } from './metrics';

export const everyMs = 2_000;
const keepMs = 600_000;
const windowMs = 30_000; // of percentiles
const gapMs = 15_000; // nobody looked for so long: the line is broken

// By column: the time in seconds, then what is drawn.
export interface Point {
  at: number;
  jobs: number | null;
  failed: number | null;
  calls: number | null;
  tokensIn: number | null;
  tokensOut: number | null;
  jobMedian: number | null;
  jobHigh: number | null;
  firstToken: number | null;
  firstTokenHigh: number | null;
  waiting: number | null;
  running: number | null;
}

const seconds = (value: number | null): number | null => (value === null ? null : value * 1000);

export function pointOf(window: Scrape[], now: Scrape): Point {
  const before = window.at(-1);
  const first = window.find((one) => now.at - one.at <= windowMs) ?? before;
  const rate = (name: string, labels?: Record<string, string>): number | null => (before ? rateOf(before, now, name, labels) : null);
  const at = (name: string, share: number): number | null => (first ? seconds(quantile(first, now, name, share)) : null);
  return {
    at: now.at / 1000,
    jobs: rate('moa_jobs_finished_total', { state: 'succeeded' }),
    failed: rate('moa_jobs_finished_total', { state: 'failed' }),
    calls: rate('moa_attempts_total'),
    tokensIn: rate('moa_tokens_total', { kind: 'prompt' }),
    tokensOut: rate('moa_tokens_total', { kind: 'completion' }),
    jobMedian: at('moa_job_duration_seconds', 0.5),
    jobHigh: at('moa_job_duration_seconds', 0.95),
    firstToken: at('moa_time_to_first_token_seconds', 0.5),
    firstTokenHigh: at('moa_time_to_first_token_seconds', 0.95),
    waiting: level(now, 'moa_queue_tasks'),
    running: level(now, 'moa_slots', { state: 'used' }),
  };
}

const nothing = (at: number): Point => ({
  at, jobs: null, failed: null, calls: null, tokensIn: null, tokensOut: null, jobMedian: null, jobHigh: null, firstToken: null,
  firstTokenHigh: null, waiting: null, running: null,
});

export class ClusterHistory {
  points: Point[] = [];
  private scrapes: Scrape[] = [];

  add(scrape: Scrape): void {
    const last = this.scrapes.at(-1);
    if (last && scrape.at <= last.at) return;
    if (last && scrape.at - last.at > gapMs) {
      this.points.push(nothing(last.at / 1000 + 1));
      this.scrapes = [];
    }
    this.points = [...this.points.filter((point) => scrape.at - point.at * 1000 <= keepMs), pointOf(this.scrapes, scrape)];
    this.scrapes = [...this.scrapes.filter((one) => scrape.at - one.at <= windowMs + gapMs), scrape];
  }
}

export const clusterHistory = new ClusterHistory();
