// The cluster as it is now, and its last minutes, out of the coordinators' own metrics.
import { useState } from 'preact/hooks';
import { api } from './api';
import { Chart, type Line } from './chart';
import { type Point, clusterHistory, everyMs } from './cluster_history';
import { count, duration, money, rate, stateText } from './format';
import { usePoll } from './hooks';
import { type Scrape, highest, level, metricNames, quotasOf, scrapeOf } from './metrics';
import { Bar, Notice } from './parts';
import { Quotas } from './quotas';
import type { WireMetrics, WireWorker } from './wire';
import './cluster.css';

const states = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'];

const perSecond = (value: number | null): string => (value === null ? '–' : `${rate(value)}/s`);

// One column of the points as a line.
function lineOf(points: Point[], name: string, field: Exclude<keyof Point, 'at'>, color: string): Line {
  return { name, color, values: points.map((point) => point[field]) };
}

function Charts({ points }: { points: Point[] }) {
  const times = points.map((point) => point.at);
  const line = (name: string, field: Exclude<keyof Point, 'at'>, color: string): Line => lineOf(points, name, field, color);
  return (
    <div class="charts">
      <Chart title="Jobs that ended" times={times} text={perSecond} lines={[line('succeeded', 'jobs', '--good'), line('failed', 'failed', '--bad')]} />
      <Chart title="Calls that ended" times={times} text={perSecond} lines={[line('calls', 'calls', '--accent')]} />
      <Chart title="Tokens" times={times} text={perSecond} lines={[line('in', 'tokensIn', '--info'), line('out', 'tokensOut', '--good')]} />
      <Chart title="Time of a job, last 30 s" times={times} text={duration} lines={[line('half are quicker', 'jobMedian', '--info'), line('95 % are quicker', 'jobHigh', '--accent')]} />
      <Chart title="Time to a call’s first token, last 30 s" times={times} text={duration} lines={[line('half are quicker', 'firstToken', '--info'), line('95 % are quicker', 'firstTokenHigh', '--accent')]} />
      <Chart title="Calls now" times={times} text={count} lines={[line('under way', 'running', '--good'), line('waiting', 'waiting', '--accent')]} />
    </div>
  );
}

const waitingOf = (scrape: Scrape): Record<string, number> => {
  const waiting: Record<string, number> = {};
  for (const { families } of scrape.by.values()) {
    for (const sample of families.get('moa_quota_waiting_tasks') ?? []) {
      const model = sample.labels.model ?? '';
      waiting[model] = (waiting[model] ?? 0) + (sample.value ?? 0);
    }
  }
  return waiting;
};

// Those that did not answer.
const silentOf = (metrics: WireMetrics): string[] => metrics.coordinators.filter((one) => one.error).map((one) => `${one.address}: ${one.error}`);

// Used by any of the coordinators; each worker's own bar below tells of the one that was asked.
function Slots({ used, workers }: { used: number; workers: WireWorker[] }) {
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const draining = workers.filter((one) => one.draining).length;
  return (
    <section class="panel pad">
      <h2>Slots</h2>
      <p class="big">{count(used)} <small>of {count(slots)} in use</small></p>
      <Bar share={slots ? used / slots : 0} tone="thick" />
      <p class="muted small">{workers.length} {workers.length === 1 ? 'worker' : 'workers'} connected{draining ? `, ${draining} draining` : ''}</p>
    </section>
  );
}

function Live({ workers }: { workers: WireWorker[] }) {
  const [silent, setSilent] = useState<string[]>([]);
  const { value, problem } = usePoll(async (signal) => {
    const metrics = await api.metrics(metricNames, signal);
    const scrape = scrapeOf(metrics, Date.now());
    clusterHistory.add(scrape);
    setSilent(silentOf(metrics));
    return { scrape, points: clusterHistory.points };
  }, everyMs);
  if (!value) return problem ? <Notice kind="error">The metrics cannot be read: {problem}</Notice> : <p class="muted">Loading…</p>;
  const oldest = highest(value.scrape, 'moa_queue_oldest_age_seconds');
  return (
    <>
      {silent.map((one) => <Notice key={one} kind="warning">A coordinator did not answer, and its figures are missing: {one}</Notice>)}
      {oldest > 1 && <p class="muted small">The oldest call that waits has waited for {duration(oldest * 1000)}.</p>}
      <Slots used={level(value.scrape, 'moa_slots', { state: 'used' })} workers={workers} />
      <Charts points={value.points} />
      <Quotas quotas={quotasOf(value.scrape)} waiting={waitingOf(value.scrape)} />
    </>
  );
}

export function Cluster() {
  const { value, problem } = usePoll(async (signal) => {
    const [counts, workers, models] = await Promise.all([api.counts(signal), api.workers(signal), api.models(signal)]);
    return { counts, workers, models };
  }, everyMs);
  const workers = value?.workers ?? [];
  const models = value?.models ?? [];
  return (
    <div class="page">
      <div class="page-head">
        <h1>Cluster</h1>
        <span class="muted live">{problem ? 'not reached' : 'live'}</span>
      </div>
      {problem && <Notice kind="error">{problem}</Notice>}
      {!value && !problem && <p class="muted">Loading…</p>}
      {value && (
        <>
          <section>
            <ul class="tiles">
              {states.map((state) => (
                <li key={state} class={`tile is-${state.toLowerCase()}`}>
                  <span class="tile-name">{stateText(state)}</span>
                  <span class="tile-value">{count(Number(value.counts[state] ?? 0))}</span>
                </li>
              ))}
            </ul>
          </section>
          <Live workers={workers} />
          <section>
            <h2>Workers</h2>
            <div class="panel table-box" tabIndex={0} role="region" aria-label="Workers">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Worker</th>
                    <th scope="col">Slots</th>
                    <th scope="col">Provider</th>
                    <th scope="col" class="to-right">Models</th>
                    <th scope="col" class="to-right">Connected</th>
                    <th scope="col">Version</th>
                  </tr>
                </thead>
                <tbody>
                  {workers.map((worker) => (
                    <tr key={worker.worker_id}>
                      <th scope="row">{worker.name || worker.worker_id}{worker.draining && <span class="chip is-warning">draining</span>}</th>
                      <td><span class="slots"><Bar share={worker.slots ? worker.slots_used / worker.slots : 0} />{count(worker.slots_used)} / {count(worker.slots)}</span></td>
                      <td>{worker.provider || '–'}</td>
                      <td class="to-right" title={worker.models?.join(', ')}>{worker.models?.length ?? 0}</td>
                      <td class="to-right nowrap">{duration(worker.connected_ms)}</td>
                      <td class="nowrap">{worker.version || '–'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {workers.length === 0 && <p class="empty">No worker is connected: jobs wait until one is.</p>}
            </div>
          </section>
          <section>
            <h2>Models</h2>
            <div class="panel table-box" tabIndex={0} role="region" aria-label="Models">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Model</th>
                    <th scope="col" class="to-right">Workers</th>
                    <th scope="col" class="to-right">Context</th>
                    <th scope="col" class="to-right">Tokens/s</th>
                    <th scope="col" class="to-right">$ per million in</th>
                    <th scope="col" class="to-right">$ per million out</th>
                  </tr>
                </thead>
                <tbody>
                  {models.map((model) => (
                    <tr key={model.id}>
                      <th scope="row">{model.id}{model.aliases?.length ? <small class="muted">also {model.aliases.join(', ')}</small> : null}</th>
                      <td class="to-right">{model.workers ?? 0}</td>
                      <td class="to-right nowrap">{count(model.context_tokens || null)}</td>
                      <td class="to-right nowrap">{count(model.tokens_per_second || null)}</td>
                      <td class="to-right nowrap">{money(model.usd_per_million_prompt_tokens || null)}</td>
                      <td class="to-right nowrap">{money(model.usd_per_million_completion_tokens || null)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {models.length === 0 && <p class="empty">No model is configured and none announced.</p>}
            </div>
          </section>
        </>
      )}
    </div>
  );
}
