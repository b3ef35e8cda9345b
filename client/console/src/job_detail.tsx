// One job: what was asked, every call, where the time went, and the answer.
import { useState } from 'preact/hooks';
import { ApiError } from './api';
import { count, duration, money, percent } from './format';
import { askedOf } from './history';
import { useLiveJob, useWatch } from './hooks';
import { type JobView, type Task, answerOf, hasEnded, promptOf, stageTitle, taskName } from './job';
import { askAgain } from './job_actions';
import type { LiveJob } from './live_job';
import { Markdown } from './markdown_view';
import { Notice, Pill } from './parts';
import { Summary, TaskDialog, Timeline, Troubles } from './run_view';
import type { JsonObject } from './builder/tree';
import { bringJob } from './saved_moas';
import type { WireFailedAttempt, WireJobFile } from './wire';

// "2 attempts failed before: SERVER_ERROR, QUOTA_EXCEEDED"
const failedText = (failed: WireFailedAttempt[]): string =>
  `${failed.length} ${failed.length === 1 ? 'attempt' : 'attempts'} failed before: ${[...new Set(failed.map((one) => one.error?.code ?? 'unknown'))].join(', ')}`;

// Its MoA and its question.
function build(asked: WireJobFile): void {
  const prompt = promptOf(asked);
  bringJob({ ...(prompt === null ? {} : { prompt }), moa: asked.moa as JsonObject });
  location.hash = '#/builder/job';
}

// What was asked and how: the question, the conversation before it, and the configuration.
function Asked({ job, prompt }: { job: JobView; prompt: string | null }) {
  const { asked, follows } = job;
  const before = (asked?.messages ?? []).slice(0, -1);
  return (
    <>
      {prompt !== null && <div class="panel pad pre-line question-text">{prompt}</div>}
      {asked && (
        <div class="row facts-row">
          {asked.name && <span class="mono muted">{job.id}</span>}
          {asked.tenant && <span class="chip">tenant {asked.tenant}</span>}
          {follows && <a href={`#/jobs/${encodeURIComponent(follows)}`}>the job it follows</a>}
        </div>
      )}
      {before.length > 0 && (
        <details class="course">
          <summary>The conversation before it <span class="muted">{before.length} {before.length === 1 ? 'message' : 'messages'}</span></summary>
          {before.map((message, index) => (
            <div key={index} class="panel pad">
              <strong>{message.role ?? 'user'}</strong>
              <div class="pre-line">{message.content}</div>
            </div>
          ))}
        </details>
      )}
      {asked?.moa && (
        <details class="course">
          <summary>The configuration <span class="muted">with its preset expanded, prompts included</span></summary>
          <pre class="panel pad source" tabIndex={0}>{JSON.stringify({ ...asked, messages: undefined, prompt: undefined }, null, 2)}</pre>
        </details>
      )}
    </>
  );
}

function AgentRow({ job, task, onOpen }: { job: LiveJob; task: Task; onOpen: () => void }) {
  useWatch(job, task.key);
  const result = task.result;
  return (
    <tr>
      <th scope="row">
        <button type="button" class="link" aria-haspopup="dialog" onClick={onOpen}>{taskName(task)}</button>
        <small class="muted">{task.model}</small>
        {result?.error?.message && <small class="error-text">{result.error.message}</small>}
        {result?.failed_attempts && task.state === 'SUCCEEDED' && <small class="muted">{failedText(result.failed_attempts)}</small>}
      </th>
      <td><Pill state={task.state} /></td>
      <td class="to-right">{task.attempt || '–'}</td>
      <td class="to-right nowrap">{duration(result?.queue_ms)}</td>
      <td class="to-right nowrap">{duration(result?.ttft_ms || null)}</td>
      <td class="to-right nowrap">{duration(result?.run_ms || null)}</td>
      <td class="to-right nowrap">{result ? `${count(result.prompt_tokens)} + ${count(result.completion_tokens)}` : '–'}</td>
      <td class="to-right nowrap">{money(result?.cost_usd)}</td>
      <td class="to-right nowrap">{task.kind === 'propose' && task.state === 'SUCCEEDED' ? percent(result?.share_of_answer) : '–'}</td>
    </tr>
  );
}

export function JobDetail({ id }: { id: string }) {
  const job = useLiveJob(id);
  const { view } = job;
  const [open, setOpen] = useState<Task | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const asked = view.asked;
  const prompt = promptOf(asked) ?? askedOf(id)?.prompt ?? null;
  const ended = hasEnded(view.state);
  const act = async (action: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await action();
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const again = async (): Promise<void> => {
    if (asked) location.hash = `#/jobs/${encodeURIComponent(await askAgain(asked))}`;
  };
  const answer = answerOf(view);
  return (
    <div class="page">
      <p class="crumbs"><a href="#/jobs">Jobs</a></p>
      <div class="page-head">
        <h1 class={asked?.name ? '' : 'mono'}>{asked?.name || id}</h1>
        <Pill state={view.state} />
        <span class="row push">
          {!ended && !job.problem && <button type="button" class="stop" disabled={busy} onClick={() => void act(() => job.cancel())}>Cancel</button>}
          <button type="button" disabled={busy || !asked} onClick={() => void act(again)}>Run again</button>
          <button type="button" disabled={!asked?.moa} onClick={() => asked && build(asked)}>Open in Builder</button>
          <a class="button" href={`#/jobs/compare/${encodeURIComponent(id)}`}>Compare…</a>
          {!job.problem && <a class="button" href={`#/chat/${encodeURIComponent(id)}`}>Open in chat</a>}
        </span>
      </div>
      {problem && <Notice kind="error">{problem}</Notice>}
      <Troubles job={job} />
      <Asked job={view} prompt={prompt} />
      {!job.problem && (
        <>
          <div class="panel pad"><Summary job={view} /></div>
          {view.stages.map((stage) => (
            <section key={stage.key}>
              <h2>{stageTitle(stage, view.stages)}</h2>
              {stage.notes.map((note, index) => <p key={index} class="muted note">{note}</p>)}
              <div class="panel table-box" tabIndex={0} role="region" aria-label={`Calls of ${stageTitle(stage, view.stages)}`}>
                <table class="calls">
                  <thead>
                    <tr>
                      <th scope="col">Agent</th>
                      <th scope="col">State</th>
                      <th scope="col" class="to-right">Attempts</th>
                      <th scope="col" class="to-right">Queued</th>
                      <th scope="col" class="to-right">First token</th>
                      <th scope="col" class="to-right">Run</th>
                      <th scope="col" class="to-right">Tokens in + out</th>
                      <th scope="col" class="to-right">Cost</th>
                      <th scope="col" class="to-right">Share</th>
                    </tr>
                  </thead>
                  <tbody>{stage.tasks.map((task) => <AgentRow key={task.key} job={job} task={task} onOpen={() => setOpen(task)} />)}</tbody>
                </table>
              </div>
            </section>
          ))}
          <section>
            <h2>Timeline</h2>
            <div class="panel pad"><Timeline job={job} /></div>
          </section>
          {answer && (
            <section>
              <h2>Answer</h2>
              <div class="panel pad"><Markdown text={answer} /></div>
            </section>
          )}
        </>
      )}
      {open && <TaskDialog job={job} task={open} onClose={() => setOpen(null)} />}
    </div>
  );
}
