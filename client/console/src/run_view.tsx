// A job's course: its stages with every agent side by side, and the calls on a line of time.
import { useState } from 'preact/hooks';
import { count, duration, money, percent, stateText } from './format';
import { elapsed, runTime, useTick, useWatch } from './hooks';
import { type JobView, type Stage, type Task, hasEnded, stageTitle, taskName, tasksOf } from './job';
import type { LiveJob } from './live_job';
import { Markdown } from './markdown_view';
import { Bar, Dialog, Fact, Notice, Pill } from './parts';
import type { WireFailedAttempt } from './wire';

// More than fits into a card; the rest is behind a click. A text that grows is laid out in every frame, dozens of them at
// once, so that what cannot be seen of it is left away; the cards of many agents are smaller.
const previewCharacters = 500;
const growingCharacters = 320;
const growingCharactersOfMany = 180;
const manyAgents = 12;

const dense = (text: string): string => text.replace(/\n{2,}/g, '\n');

function preview(task: Task, many: boolean): string {
  if (task.state === 'RUNNING') {
    return dense(task.tail.slice(many ? -growingCharactersOfMany : -growingCharacters)) || 'Waiting for the first token…';
  }
  if (task.content) return dense(task.content.slice(0, previewCharacters));
  if (task.result?.error?.message) return task.result.error.message;
  return task.state === 'WAITING' ? 'Waiting for its turn…' : task.state === 'SUCCEEDED' ? 'No text.' : `${stateText(task.state)}.`;
}

export const tokensOf = (task: Task): number | null => task.result?.completion_tokens || null;

export const RunTime = ({ job, task }: { job: JobView; task: Task }) => {
  useTick(task.state === 'RUNNING');
  return <>{duration(runTime(job, task))}</>;
};

// Agents' models by their names, as far as they are known before the reply says which one answered.
export type Models = Record<string, string>;

interface CardOptions {
  job: LiveJob;
  task: Task;
  many: boolean;
  models: Models;
  onOpen: (task: Task) => void;
}

function AgentCard({ job, task, many, models, onOpen }: CardOptions) {
  useWatch(job, task.key);
  const text = preview(task, many);
  const share = task.result?.share_of_answer;
  const judged = task.kind === 'propose' && task.state === 'SUCCEEDED' && job.view.state === 'SUCCEEDED' && share !== undefined;
  return (
    <li class={`agent is-${task.state.toLowerCase()}`}>
      <div class="agent-head">
        <button type="button" class="agent-name" aria-haspopup="dialog" onClick={() => onOpen(task)}>{taskName(task)}</button>
        <Pill state={task.state} />
      </div>
      <div class="agent-model">{task.model || models[task.agent] || '\u00a0'}</div>
      <div class={`agent-text ${text.length > (many ? 130 : 260) ? 'is-long' : ''}`}><div>{text}</div></div>
      <div class="agent-facts">
        <span title="run time"><RunTime job={job.view} task={task} /></span>
        {tokensOf(task) !== null && <span>{count(tokensOf(task))} tokens</span>}
        {task.result?.cost_usd !== undefined && <span>{money(task.result.cost_usd)}</span>}
        {task.result?.score !== undefined && <span>score {task.result.score.toFixed(1)}</span>}
        {task.attempt > 1 && <span>{task.attempt} attempts</span>}
      </div>
      {judged && (
        <div class="agent-share">
          <Bar share={share} />
          <span>{percent(share)} of the answer</span>
        </div>
      )}
    </li>
  );
}

function Attempts({ failed, made }: { failed: WireFailedAttempt[]; made: number }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label="Failed attempts">
      <table>
        <caption>Attempts that failed{failed.length < made - 1 ? `, the newest of ${made}` : ''}</caption>
        <thead>
          <tr><th scope="col">Model</th><th scope="col">Worker</th><th scope="col" class="to-right">Began after</th><th scope="col" class="to-right">Took</th><th scope="col">Why</th></tr>
        </thead>
        <tbody>
          {failed.map((attempt, index) => (
            <tr key={index}>
              <td>{attempt.model}</td>
              <td class="mono small">{attempt.worker || '–'}</td>
              <td class="to-right nowrap">{duration(attempt.began_ms)}</td>
              <td class="to-right nowrap">{duration(attempt.run_ms)}</td>
              <td><strong>{attempt.error?.code}</strong> {attempt.error?.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function TaskDialog({ job, task, onClose }: { job: LiveJob; task: Task; onClose: () => void }) {
  useWatch(job, task.key);
  const result = task.result;
  return (
    <Dialog title={taskName(task)} onClose={onClose}>
      <dl class="facts">
        <Fact name="State"><Pill state={task.state} /></Fact>
        <Fact name="Model">{task.model || '–'}</Fact>
        <Fact name="Run time"><RunTime job={job.view} task={task} /></Fact>
        <Fact name="First token">{duration(result?.ttft_ms || null)}</Fact>
        <Fact name="Queued">{duration(result?.queue_ms)}</Fact>
        <Fact name="Attempts">{task.attempt || '–'}{result?.hedged ? ', two at once' : ''}</Fact>
        {result?.worker && <Fact name="Worker"><span class="mono small">{result.worker}</span></Fact>}
        <Fact name="Prompt">{count(result?.prompt_tokens)} tokens</Fact>
        <Fact name="Reply">{count(result?.completion_tokens)} tokens</Fact>
        <Fact name="Cost">{money(result?.cost_usd)}</Fact>
        {result?.share_of_answer !== undefined && <Fact name="Of the answer">{percent(result.share_of_answer)}</Fact>}
        {result?.novelty !== undefined && <Fact name="Said by no other">{percent(result.novelty)}</Fact>}
        {result?.finish_reason && <Fact name="Ended by">{result.finish_reason}</Fact>}
      </dl>
      {result?.failed_attempts && <Attempts failed={result.failed_attempts} made={task.attempt} />}
      {result?.error?.message && <Notice kind="error">{[result.error.code, result.error.message].filter(Boolean).join(': ')}</Notice>}
      {task.reasoning && (
        <details class="reasoning">
          <summary>Reasoning</summary>
          <div class="pre-line">{task.reasoning}</div>
        </details>
      )}
      {task.content ? <Markdown text={task.content} /> : <p class="muted">There is no text{task.state === 'RUNNING' ? ' yet' : ''}.</p>}
    </Dialog>
  );
}

function StageView({ job, stage, models, onOpen }: Omit<CardOptions, 'task' | 'many'> & { stage: Stage }) {
  const many = stage.tasks.length > manyAgents;
  const done = stage.tasks.filter((task) => task.result !== null || hasEnded(task.state)).length;
  return (
    <div class="stage">
      <h3>
        {stageTitle(stage, job.view.stages)}
        <span class="muted"> {stage.tasks.length === 1 ? '1 call' : `${done} of ${stage.tasks.length}`}</span>
      </h3>
      {stage.notes.map((note, index) => <p key={index} class="muted note">{note}</p>)}
      <ul class={`agents ${many ? 'many' : ''}`}>
        {stage.tasks.map((task) => <AgentCard key={task.key} job={job} task={task} many={many} models={models} onOpen={onOpen} />)}
      </ul>
    </div>
  );
}

// All but the aggregator, whose text is the answer.
export function Stages({ job, models }: { job: LiveJob; models: Models }) {
  const [open, setOpen] = useState<Task | null>(null);
  const stages = job.view.stages.filter((stage) => stage.kind !== 'aggregate');
  return (
    <>
      {stages.map((stage) => <StageView key={stage.key} job={job} stage={stage} models={models} onOpen={setOpen} />)}
      {open && <TaskDialog job={job} task={open} onClose={() => setOpen(null)} />}
    </>
  );
}

export function Summary({ job }: { job: JobView }) {
  useTick(!hasEnded(job.state));
  const tasks = tasksOf(job);
  const tokens = job.usage
    ? (job.usage.prompt_tokens ?? 0) + (job.usage.completion_tokens ?? 0)
    : tasks.reduce((sum, task) => sum + (task.result?.prompt_tokens ?? 0) + (task.result?.completion_tokens ?? 0), 0);
  const done = tasks.filter((task) => task.result !== null).length;
  return (
    <dl class="facts">
      <Fact name="Time">{duration(elapsed(job))}</Fact>
      <Fact name={hasEnded(job.state) ? 'Calls' : 'Calls done'}>{job.usage?.upstream_calls ?? `${done} of ${tasks.length}`}</Fact>
      <Fact name="Tokens">{count(tokens)}</Fact>
      <Fact name="Cost">{money(job.usage?.cost_usd ?? tasks.reduce((sum, task) => sum + (task.result?.cost_usd ?? 0), 0))}</Fact>
    </dl>
  );
}

// A failed task's last attempt is its call.
const failedBefore = (task: Task): WireFailedAttempt[] => (task.result?.failed_attempts ?? []).slice(0, task.state === 'FAILED' ? -1 : undefined);

export function Timeline({ job }: { job: LiveJob }) {
  const { view } = job;
  useTick(!hasEnded(view.state));
  const now = elapsed(view) ?? 0;
  const rows = tasksOf(view).filter((task) => task.began !== null);
  const end = Math.max(1, now, ...rows.map((task) => task.ended ?? 0));
  if (rows.length === 0) return <p class="muted">No call has begun yet.</p>;
  return (
    <div class="timeline">
      <ol>
        {rows.map((task) => {
          const began = task.began ?? 0;
          const until = task.ended ?? now;
          const queued = Math.min(began, task.result?.queue_ms ?? 0);
          const at = (ms: number): string => `${(Math.max(0, Math.min(end, ms)) / end) * 100}%`;
          return (
            <li key={task.key}>
              <span class="timeline-name">{taskName(task)}</span>
              <span class="timeline-track" aria-hidden="true">
                {queued > 0 && <span class="queued" style={{ left: at(began - queued), width: at(queued) }} />}
                {failedBefore(task).map((attempt, index) => (
                  <span
                    key={index}
                    class="ran is-failed"
                    title={[attempt.error?.code, attempt.error?.message].filter(Boolean).join(': ')}
                    style={{ left: at(began - queued + (attempt.began_ms ?? 0)), width: at(Math.max(attempt.run_ms ?? 0, end / 250)) }}
                  />
                ))}
                <span class={`ran is-${task.state.toLowerCase()} of-${task.kind}`} style={{ left: at(began), width: at(Math.max(until - began, end / 250)) }} />
              </span>
              <span class="timeline-time">{duration(until - began)}</span>
            </li>
          );
        })}
      </ol>
      <div class="timeline-axis" aria-hidden="true"><span>0</span><span>{duration(end / 2)}</span><span>{duration(end)}</span></div>
    </div>
  );
}

export function Troubles({ job }: { job: LiveJob }) {
  const { view } = job;
  return (
    <>
      {job.problem && <Notice kind="error">{job.problem.status === 404 ? 'There is no such job here; it may have been deleted.' : job.problem.message}</Notice>}
      {job.link === 'waiting' && !hasEnded(view.state) && <Notice kind="warning">The connection broke; trying again. The job goes on meanwhile.</Notice>}
      {view.error && view.state !== 'SUCCEEDED' && (
        <Notice kind={view.state === 'CANCELLED' ? 'info' : 'error'}>
          <strong>{view.state === 'CANCELLED' ? 'Stopped' : 'The job failed'}</strong>{view.error.message ? `: ${view.error.message}` : '.'}
        </Notice>
      )}
      {view.degradations.length > 0 && (
        <Notice kind="warning">
          <strong>Not all agents could take part.</strong>
          <ul>{view.degradations.map((reason, index) => <li key={index}>{reason}</li>)}</ul>
        </Notice>
      )}
    </>
  );
}
