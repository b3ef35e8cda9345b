// Rates and percentiles out of the coordinators' metrics, asked for again and again, as Prometheus makes them. Pure.
import type { WireFamily, WireMetrics, WireSample } from './wire';

// The families that this page reads.
export const metricNames = [
  'moa_jobs_finished_total', 'moa_attempts_total', 'moa_tokens_total', 'moa_job_duration_seconds', 'moa_time_to_first_token_seconds',
  'moa_queue_tasks', 'moa_queue_oldest_age_seconds', 'moa_slots', 'moa_quota_limit', 'moa_quota_remaining', 'moa_quota_reserved_requests',
  'moa_quota_storm', 'moa_quota_closed_seconds', 'moa_quota_waiting_tasks',
];

// What one coordinator said.
interface Reading {
  at: number; // ms, by its own clock
  families: Map<string, WireSample[]>;
}

export interface Scrape {
  at: number; // ms, by this page's clock
  by: Map<string, Reading>; // coordinators by address
}

export function scrapeOf(wire: WireMetrics, at: number): Scrape {
  const by = new Map<string, Reading>();
  for (const one of wire.coordinators) {
    if (one.error) continue;
    const time = Date.parse(one.time ?? '');
    const families = new Map(one.families.map((family: WireFamily) => [family.name, family.samples] as const));
    by.set(one.address, { at: Number.isNaN(time) ? at : time, families });
  }
  return { at, by };
}

type Labels = Record<string, string>;
const fits = (sample: WireSample, labels: Labels): boolean => Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
const samplesOf = (reading: Reading | undefined, name: string, labels: Labels): WireSample[] =>
  (reading?.families.get(name) ?? []).filter((sample) => fits(sample, labels));
const total = (samples: WireSample[]): number => samples.reduce((sum, sample) => sum + (sample.value ?? 0), 0);

// What a gauge stands at, over all coordinators and labels.
export const level = (scrape: Scrape, name: string, labels: Labels = {}): number =>
  [...scrape.by.values()].reduce((sum, reading) => sum + total(samplesOf(reading, name, labels)), 0);

export const highest = (scrape: Scrape, name: string): number =>
  Math.max(0, ...[...scrape.by.values()].flatMap((reading) => samplesOf(reading, name, {}).map((sample) => sample.value ?? 0)));

// Coordinators that are in both; one that was started anew in between counts from nothing.
function pairs(before: Scrape, after: Scrape): [Reading, Reading][] {
  const both: [Reading, Reading][] = [];
  for (const [address, now] of after.by) {
    const then = before.by.get(address);
    if (then && now.at > then.at) both.push([then, now]);
  }
  return both;
}

// A second, of a counter; null where there is nothing to compare.
export function rateOf(before: Scrape, after: Scrape, name: string, labels: Labels = {}): number | null {
  const both = pairs(before, after);
  if (both.length === 0) return null;
  return both.reduce((sum, [then, now]) => {
    const was = total(samplesOf(then, name, labels));
    const is = total(samplesOf(now, name, labels));
    return sum + ((is < was ? is : is - was) * 1000) / (now.at - then.at);
  }, 0);
}

// How many fell under each bound between two scrapes; all label sets together.
function grown(before: Scrape, after: Scrape, name: string): { bounds: number[]; counts: number[]; count: number } {
  const bounds: number[] = [];
  const counts: number[] = [];
  let count = 0;
  const add = (samples: WireSample[], sign: number): void => {
    for (const sample of samples) {
      count += sign * (sample.count ?? 0);
      (sample.buckets ?? []).forEach(([bound, below], index) => {
        bounds[index] = bound;
        counts[index] = (counts[index] ?? 0) + sign * below;
      });
    }
  };
  for (const [then, now] of pairs(before, after)) {
    const was = samplesOf(then, name, {});
    const is = samplesOf(now, name, {});
    const restarted = is.reduce((sum, one) => sum + (one.count ?? 0), 0) < was.reduce((sum, one) => sum + (one.count ?? 0), 0);
    add(is, 1);
    if (!restarted) add(was, -1);
  }
  return { bounds, counts, count };
}

// The value under which `share` of what came between two scrapes lies, in the histogram's unit; null where nothing came.
// Within a bucket values are taken to lie evenly; above the last bound they count as that.
export function quantile(before: Scrape, after: Scrape, name: string, share: number): number | null {
  const { bounds, counts, count } = grown(before, after, name);
  if (count <= 0 || bounds.length === 0) return null;
  const rank = share * count;
  const index = counts.findIndex((below) => below >= rank);
  if (index < 0) return bounds.at(-1) ?? null;
  const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
  const under = index === 0 ? 0 : (counts[index - 1] ?? 0);
  const inside = (counts[index] ?? 0) - under;
  return lower + ((bounds[index] ?? 0) - lower) * (inside > 0 ? (rank - under) / inside : 1);
}

export interface QuotaLimit {
  kind: string; // requests, tokens, total_tokens
  period: string;
  limit: number;
  remaining: number;
}

export interface Quota {
  model: string;
  key: string;
  limits: QuotaLimit[];
  underWay: number;
  storm: boolean;
  closedSeconds: number;
}

const periods = ['minute', 'hour', 'day'];

// Every model's and key's quota, by name. Where several coordinators share one, the limit is the whole one's, and what is
// left is the sum of what is left of their shares.
export function quotasOf(scrape: Scrape): Quota[] {
  const quotas = new Map<string, Quota>();
  const at = ({ labels }: WireSample): Quota => {
    const { model = '', key = '' } = labels;
    const id = `${model}\n${key}`;
    const known = quotas.get(id) ?? { model, key, limits: [], underWay: 0, storm: false, closedSeconds: 0 };
    quotas.set(id, known);
    return known;
  };
  const limitAt = (sample: WireSample): QuotaLimit => {
    const { limits } = at(sample);
    const { kind = '', period = '' } = sample.labels;
    let known = limits.find((one) => one.kind === kind && one.period === period);
    if (!known) limits.push((known = { kind, period, limit: 0, remaining: 0 }));
    return known;
  };
  const each = (name: string, take: (sample: WireSample, value: number) => void): void => {
    for (const reading of scrape.by.values()) for (const sample of samplesOf(reading, name, {})) take(sample, sample.value ?? 0);
  };
  each('moa_quota_limit', (sample, value) => (limitAt(sample).limit = Math.max(limitAt(sample).limit, value)));
  each('moa_quota_remaining', (sample, value) => (limitAt(sample).remaining += value));
  each('moa_quota_reserved_requests', (sample, value) => (at(sample).underWay += value));
  each('moa_quota_storm', (sample, value) => (at(sample).storm ||= value > 0));
  each('moa_quota_closed_seconds', (sample, value) => (at(sample).closedSeconds = Math.max(at(sample).closedSeconds, value)));
  const order = (one: QuotaLimit): string => `${periods.indexOf(one.period)} ${one.kind}`;
  for (const quota of quotas.values()) quota.limits.sort((a, b) => order(a).localeCompare(order(b)));
  return [...quotas.values()].sort((a, b) => a.model.localeCompare(b.model) || a.key.localeCompare(b.key));
}
