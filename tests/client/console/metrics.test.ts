import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClusterHistory } from '../../../client/console/src/cluster_history';
import { type Scrape, highest, level, quantile, quotasOf, rateOf, scrapeOf } from '../../../client/console/src/metrics';
import type { WireCoordinator, WireSample } from '../../../client/console/src/wire';

const start = Date.UTC(2026, 0, 1);
const value = (is: number, labels: Record<string, string> = {}): WireSample => ({ labels, value: is });
// A coordinator that has said this, `seconds` after the start.
const said = (address: string, seconds: number, families: Record<string, WireSample[]>): WireCoordinator => ({
  address,
  time: new Date(start + seconds * 1000).toISOString(),
  families: Object.entries(families).map(([name, samples]) => ({ name, type: 'counter', samples })),
});
const scrape = (seconds: number, ...coordinators: WireCoordinator[]): Scrape => scrapeOf({ coordinators }, start + seconds * 1000);

describe('rates', () => {
  const before = scrape(0, said('', 0, { calls: [value(10, { model: 'a' }), value(5, { model: 'b' })] }), said('two', 0, { calls: [value(100)] }));

  it('are those of all coordinators together, by their own clocks', () => {
    const after = scrape(9, said('', 10, { calls: [value(30, { model: 'a' }), value(5, { model: 'b' })] }), said('two', 5, { calls: [value(105)] }));
    assert.equal(rateOf(before, after, 'calls'), 3);
    assert.equal(rateOf(before, after, 'calls', { model: 'a' }), 2);
    assert.equal(rateOf(before, after, 'calls', { model: 'c' }), 0);
  });

  it('count from nothing where a coordinator was started anew, and leave out who is not in both', () => {
    const after = scrape(10, said('two', 10, { calls: [value(20)] }), said('three', 10, { calls: [value(1000)] }));
    assert.equal(rateOf(before, after, 'calls'), 2);
    assert.equal(rateOf(before, scrape(10, said('four', 10, {})), 'calls'), null);
  });

  it('take no part of a coordinator that did not answer', () => {
    const after = scrape(10, { address: '', families: [], error: 'no answer' }, said('two', 10, { calls: [value(110)] }));
    assert.equal(rateOf(before, after, 'calls'), 1);
    assert.equal(level(after, 'calls'), 110);
  });
});

describe('percentiles', () => {
  const times = (counts: [number, number][], count: number): WireSample => ({ labels: {}, count, sum: 0, buckets: counts });
  const before = scrape(0, said('', 0, { t: [times([[1, 4], [2, 4]], 4)] }));

  it('are of what came in between, evenly spread within a bucket', () => {
    const after = scrape(1, said('', 1, { t: [times([[1, 4], [2, 14]], 14)] }));
    assert.equal(quantile(before, after, 't', 0.5), 1.5);
    assert.equal(quantile(before, after, 't', 1), 2);
  });

  it('are the last bound above it, and nothing where nothing came', () => {
    assert.equal(quantile(before, scrape(1, said('', 1, { t: [times([[1, 4], [2, 4]], 10)] })), 't', 0.5), 2);
    assert.equal(quantile(before, scrape(1, said('', 1, { t: [times([[1, 4], [2, 4]], 4)] })), 't', 0.5), null);
    assert.equal(quantile(before, scrape(1, said('', 1, {})), 'none', 0.5), null);
  });

  it('put the coordinators and label sets together', () => {
    const after = scrape(1, said('', 1, { t: [times([[1, 6], [2, 6]], 6), times([[1, 0], [2, 2]], 2)] }));
    assert.equal(quantile(before, after, 't', 0.5), 1);
  });
});

describe('quotas', () => {
  it('are the whole limit, and what is left of all shares', () => {
    const of = (left: number): Record<string, WireSample[]> => ({
      moa_quota_limit: [value(60, { model: 'm', key: 'k', kind: 'requests', period: 'hour' }), value(30, { model: 'm', key: 'k', kind: 'requests', period: 'minute' })],
      moa_quota_remaining: [value(left, { model: 'm', key: 'k', kind: 'requests', period: 'minute' })],
      moa_quota_reserved_requests: [value(2, { model: 'm', key: 'k' })],
      moa_quota_storm: [value(left > 5 ? 1 : 0, { model: 'm', key: 'k' })],
      moa_quota_closed_seconds: [value(left, { model: 'm', key: 'k' })],
    });
    assert.deepEqual(quotasOf(scrape(0, said('', 0, of(5)), said('two', 0, of(7)))), [
      {
        model: 'm', key: 'k', underWay: 4, storm: true, closedSeconds: 7,
        limits: [
          { kind: 'requests', period: 'minute', limit: 30, remaining: 12 },
          { kind: 'requests', period: 'hour', limit: 60, remaining: 0 },
        ],
      },
    ]);
    assert.equal(highest(scrape(0, said('', 0, of(5)), said('two', 0, of(7))), 'moa_quota_closed_seconds'), 7);
  });
});

describe('the last minutes of a cluster', () => {
  const at = (seconds: number): Scrape => scrape(seconds, said('', seconds, { moa_jobs_finished_total: [value(seconds * 3, { state: 'succeeded' })], moa_queue_tasks: [value(4)] }));

  it('are kept, the first without a rate', () => {
    const history = new ClusterHistory();
    for (const seconds of [0, 2, 4, 4]) history.add(at(seconds));
    assert.deepEqual(history.points.map((point) => point.jobs), [null, 3, 3]);
    assert.deepEqual(history.points.map((point) => point.waiting), [4, 4, 4]);
    for (let seconds = 6; seconds < 1000; seconds += 2) history.add(at(seconds));
    assert.equal(history.points.length, 301);
  });

  it('have a gap where nobody looked', () => {
    const history = new ClusterHistory();
    for (const seconds of [0, 2, 60, 62]) history.add(at(seconds));
    assert.deepEqual(history.points.map((point) => point.waiting), [4, 4, null, 4, 4]);
    assert.deepEqual(history.points.map((point) => point.jobs), [null, 3, null, null, 3]);
  });
});
