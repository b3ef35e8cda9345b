// Two jobs side by side: what was asked differently, what it cost, who answered how, and the answers.
import type { ComponentChildren } from 'preact';
import { api } from './api';
import { type Difference, differences } from './diff';
import { count, duration, money, percent, timeOfDay } from './format';
import { elapsed, useLiveJob, usePoll } from './hooks';
import { type JobView, answerOf, hasEnded, promptOf, taskName, tasksOf } from './job';
import type { LiveJob } from './live_job';
import { Markdown } from './markdown_view';
import { Notice, Pill } from './parts';
import { Timeline, Troubles } from './run_view';

const shownDifferences = 60;

const sum = (job: JobView, field: 'prompt_tokens' | 'completion_tokens'): number =>
  job.usage?.[field] ?? tasksOf(job).reduce((total, task) => total + (task.result?.[field] ?? 0), 0);

// Names a job in a table of two.
const titleOf = (job: JobView): string => job.asked?.name || promptOf(job.asked)?.slice(0, 80) || job.id;

const facts: [string, (job: JobView) => string][] = [
  ['Time', (job) => duration(elapsed(job))],
  ['Longest calls, summed', (job) => duration(job.criticalPathMs)],
  ['Calls', (job) => count(job.usage?.upstream_calls ?? tasksOf(job).reduce((total, task) => total + task.attempt, 0))],
  ['Tokens in', (job) => count(sum(job, 'prompt_tokens'))],
  ['Tokens out', (job) => count(sum(job, 'completion_tokens'))],
  ['Cost', (job) => money(job.usage?.cost_usd)],
  ['Failed attempts', (job) => count(tasksOf(job).reduce((total, task) => total + (task.result?.failed_attempts?.length ?? 0), 0))],
  ['Length of the answer', (job) => `${count(answerOf(job).length)} characters`],
];

function FactTable({ left, right }: { left: JobView; right: JobView }) {
  return (
    <div class="panel table-box" tabIndex={0} role="region" aria-label="Figures">
      <table class="compare">
        <thead>
          <tr>
            <th scope="col"><span class="hidden">Figure</span></th>
            {[left, right].map((job) => (
              <th key={job.id} scope="col">
                <a href={`#/jobs/${encodeURIComponent(job.id)}`}>{titleOf(job)}</a>
                <Pill state={job.state} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {facts.map(([name, of]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{of(left)}</td>
              <td>{of(right)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DifferenceTable({ all }: { all: Difference[] }) {
  if (all.length === 0) return <p class="muted">The same was asked of the same agents.</p>;
  return (
    <>
      <div class="panel table-box" tabIndex={0} role="region" aria-label="Differences">
        <table class="compare differences">
          <thead>
            <tr><th scope="col">Field</th><th scope="col">Left</th><th scope="col">Right</th></tr>
          </thead>
          <tbody>
            {all.slice(0, shownDifferences).map((one) => (
              <tr key={one.path}>
                <th scope="row" class="mono">{one.path}</th>
                <td class="pre-line">{one.left ?? <span class="muted">not there</span>}</td>
                <td class="pre-line">{one.right ?? <span class="muted">not there</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {all.length > shownDifferences && <p class="muted">{count(all.length - shownDifferences)} more are not shown.</p>}
    </>
  );
}

function Agents({ job }: { job: JobView }) {
  return (
    <div class="panel table-box" tabIndex={0} role="region" aria-label={`Agents of ${titleOf(job)}`}>
      <table>
        <thead>
          <tr><th scope="col">Agent</th><th scope="col" class="to-right">Run</th><th scope="col" class="to-right">Tokens</th><th scope="col" class="to-right">Share</th></tr>
        </thead>
        <tbody>
          {tasksOf(job).map((task) => (
            <tr key={task.key}>
              <th scope="row">{taskName(task)}<small class="muted">{task.model}</small></th>
              <td class="to-right nowrap">{task.state === 'SUCCEEDED' ? duration(task.result?.run_ms) : <Pill state={task.state} />}</td>
              <td class="to-right nowrap">{count(task.result?.completion_tokens)}</td>
              <td class="to-right nowrap">{task.kind === 'propose' ? percent(task.result?.share_of_answer) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Column({ job, children }: { job: LiveJob; children: ComponentChildren }) {
  return (
    <section class="column" aria-label={titleOf(job.view)}>
      <h2 class="column-title">{titleOf(job.view)}</h2>
      <Troubles job={job} />
      {children}
    </section>
  );
}

function Side({ job }: { job: LiveJob }) {
  const { view } = job;
  const answer = answerOf(view);
  return (
    <Column job={job}>
      <Agents job={view} />
      <div class="panel pad"><Timeline job={job} /></div>
      <div class="panel pad">{answer ? <Markdown text={answer} /> : <p class="muted">{hasEnded(view.state) ? 'There is no answer.' : 'Not answered yet.'}</p>}</div>
    </Column>
  );
}

function TwoJobs({ left, right }: { left: string; right: string }) {
  const one = useLiveJob(left);
  const two = useLiveJob(right);
  const known = one.view.asked !== null && two.view.asked !== null;
  return (
    <>
      <FactTable left={one.view} right={two.view} />
      <section>
        <h2>Asked differently</h2>
        {known ? <DifferenceTable all={differences(one.view.asked, two.view.asked)} /> : <p class="muted">Loading…</p>}
      </section>
      <div class="two columns">
        <Side job={one} />
        <Side job={two} />
      </div>
    </>
  );
}

// Which job to compare with.
function Other({ left }: { left: string }) {
  const { value, problem } = usePoll((signal) => api.jobs({ page_size: 50 }, signal), 15_000);
  return (
    <>
      <p class="muted">Compare <span class="mono">{left}</span> with:</p>
      {problem && <Notice kind="error">{problem}</Notice>}
      <ul class="panel pad choices">
        {(value?.jobs ?? []).filter((job) => job.job_id !== left).map((job) => (
          <li key={job.job_id}>
            <a href={`#/jobs/compare/${encodeURIComponent(left)}/${encodeURIComponent(job.job_id)}`}>{job.name || job.job_id}</a>
            <Pill state={job.state} />
            <small class="muted">{timeOfDay(job.create_time)}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Compare({ left, right }: { left: string; right: string }) {
  return (
    <div class="page">
      <p class="crumbs"><a href="#/jobs">Jobs</a></p>
      <div class="page-head"><h1>Compare</h1></div>
      {right ? <TwoJobs left={left} right={right} /> : <Other left={left} />}
    </div>
  );
}
