import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, api, newKey } from './api';
import { count, money } from './format';
import { askWith } from './builder/edits';
import { type Asked, type Conversation, askedOf, conversationOf, forget, keepAsked, readConversations, remember } from './history';
import { useLiveJob, usePoll, useWatch } from './hooks';
import { answerOf, hasEnded, promptOf, stageTitle, tasksOf, type JobView, type Task } from './job';
import type { LiveJob } from './live_job';
import { Markdown } from './markdown_view';
import { Notice, Pill } from './parts';
import { type Models, RunTime, Stages, Summary, Timeline, Troubles, tokensOf } from './run_view';
import { shapeOf, shapeOfJob } from './shape';
import { chooseForChat, chosenForChat, customOf, draftChoice, readDraft, savedChoice, savedMoas, takeQuestion } from './saved_moas';
import type { WirePreset } from './wire';

// What is going on, in words that change seldom enough to be read out.
function announcement(job: JobView): string {
  if (job.state === 'SUCCEEDED') return 'The answer is complete.';
  if (job.state === 'FAILED') return 'The job failed.';
  if (job.state === 'CANCELLED') return 'Stopped.';
  const stage = job.stages.at(-1);
  return stage ? `${stageTitle(stage, job.stages)} is working.` : 'Waiting for a free slot.';
}

function Answer({ job, by }: { job: LiveJob; by?: Task }) {
  const text = answerOf(job.view);
  const done = hasEnded(job.view.state);
  const [copied, setCopied] = useState(false);
  // Who reads the end of a text that grows goes on doing so.
  useLayoutEffect(() => {
    const below = document.documentElement.scrollHeight - innerHeight - scrollY;
    if (text && !done && below < 240) scrollTo({ top: document.documentElement.scrollHeight });
  }, [text, done]);
  if (!text && done && job.view.state !== 'SUCCEEDED') return null;
  return (
    <div class="answer" aria-busy={!done}>
      <h3>
        <span>
          Answer
          {by && (
            <small class="muted">
              {[by.model, tokensOf(by) === null ? '' : `${count(tokensOf(by))} tokens`].filter(Boolean).map((fact) => ` · ${fact}`)} · <RunTime job={job.view} task={by} />
              {by.result?.cost_usd !== undefined && ` · ${money(by.result.cost_usd)}`}
            </small>
          )}
        </span>
        {done && text && (
          <button
            type="button"
            class="quiet"
            onClick={() => void navigator.clipboard?.writeText(text).then(() => setCopied(true))}
          >
            {copied ? 'Copied' : 'Copy'}
          </button>
        )}
      </h3>
      {text ? <Markdown text={text} /> : <p class="muted">{done ? 'The answer is empty.' : 'Comes when the agents are done.'}</p>}
    </div>
  );
}

// Watches the aggregator too, whose text is the answer.
function LiveAnswer({ job }: { job: LiveJob }) {
  const aggregator = tasksOf(job.view).find((task) => task.kind === 'aggregate');
  return aggregator ? <Watched key={aggregator.key} job={job} task={aggregator} /> : <Answer job={job} />;
}
function Watched({ job, task }: { job: LiveJob; task: Task }) {
  useWatch(job, task.key);
  return <Answer job={job} by={task} />;
}

// Who the agents of a preset are, to be shown before they have answered.
function modelsOf(moa: WirePreset['moa']): Models {
  const models: Models = {};
  for (const layer of moa?.layers ?? []) {
    for (const agent of [...(layer.agents ?? []), ...(layer.critique?.critics ?? []), ...(layer.route ? [layer.route.router] : [])]) {
      if (agent.name && agent.model) models[agent.name] = agent.model;
    }
  }
  return models;
}

interface TurnOptions {
  id: string;
  last: boolean;
  presets: WirePreset[];
  onState: (id: string, state: string) => void;
}

function Turn({ id, last, presets, onState }: TurnOptions) {
  const job = useLiveJob(id);
  const { view } = job;
  const asked = askedOf(id);
  const prompt = asked?.prompt ?? promptOf(view.asked);
  const models = useMemo(
    () => modelsOf(view.asked?.moa ?? (asked?.preset ? presets.find((one) => one.name === asked.preset)?.moa : asked?.moa)),
    [presets, id, view.asked],
  );
  const [stopping, setStopping] = useState(false);
  const [shown, setShown] = useState(last);
  const [timed, setTimed] = useState(false);
  const ended = hasEnded(view.state);
  // The agents of the newest question are looked at; those of earlier ones make way.
  useEffect(() => setShown(last), [last]);
  useEffect(() => onState(id, job.problem ? 'FAILED' : view.state), [id, view.state, job.problem]);
  if (job.problem) {
    return (
      <article class="turn">
        {prompt !== null && <div class="question">{prompt}</div>}
        <Troubles job={job} />
      </article>
    );
  }
  return (
    <article class="turn" data-job={id} data-state={view.state}>
      <h2 class="hidden">{prompt === null ? 'An earlier question' : `You asked: ${prompt.slice(0, 80)}`}</h2>
      <div class="question">{prompt ?? (ended ? <em>The question cannot be shown.</em> : '…')}</div>
      <div class="run">
        <div class="run-head">
          <Pill state={view.state} />
          {asked && (asked.preset || asked.name) && <span class="chip">{asked.moa ? asked.name || asked.preset : asked.preset}</span>}
          <Summary job={view} />
          <span class="row push">
            <a class="button quiet" href={`#/jobs/${encodeURIComponent(id)}`}>Details</a>
            {!ended && (
              <button
                type="button"
                class="stop"
                disabled={stopping}
                onClick={() => {
                  setStopping(true);
                  void job.cancel().catch(() => setStopping(false));
                }}
              >
                <svg viewBox="0 0 16 16" aria-hidden="true"><rect x="4" y="4" width="8" height="8" rx="1.5" /></svg>
                {stopping ? 'Stopping…' : 'Stop'}
              </button>
            )}
          </span>
        </div>
        <p class="hidden" role="status">{announcement(view)}</p>
        <Troubles job={job} />
        <details class="course" open={shown} onToggle={(event) => setShown(event.currentTarget.open)}>
          <summary>Agents <span class="muted">{tasksOf(view).length || ''}</span></summary>
          {shown && (view.stages.length ? <Stages job={job} models={models} /> : !ended && <p class="muted">Waiting for a free slot…</p>)}
        </details>
        <LiveAnswer job={job} />
        <details class="course" onToggle={(event) => setTimed(event.currentTarget.open)}>
          <summary>Timeline of the calls</summary>
          {timed && <Timeline job={job} />}
        </details>
      </div>
    </article>
  );
}

function History({ current, all, onForget }: { current: string | null; all: Conversation[]; onForget: (one: Conversation) => void }) {
  if (all.length === 0) return <p class="muted">What you ask here is listed by its id, in this browser only.</p>;
  return (
    <ul class="history">
      {all.map((one) => {
        const id = one.jobs.at(-1) ?? '';
        const title = askedOf(one.jobs[0] ?? '')?.prompt ?? `Job ${id.slice(0, 12)}`;
        return (
          <li key={one.jobs[0]}>
            <a href={`#/chat/${encodeURIComponent(id)}`} aria-current={current !== null && one.jobs.includes(current) ? 'page' : undefined}>
              <span>{title}</span>
              {one.jobs.length > 1 && <small>{one.jobs.length} turns</small>}
            </a>
            <button type="button" class="icon" aria-label={`Forget: ${title.slice(0, 60)}`} onClick={() => onForget(one)}>
              <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 4l8 8M12 4l-8 8" /></svg>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

// By which the job is found again: the question's beginning.
const nameOf = (prompt: string): string => [...prompt.replace(/\s+/g, ' ')].slice(0, 50).join('');

export function Chat({ jobId }: { jobId: string | null }) {
  const presets = usePoll((signal) => api.presets(signal), 60_000);
  const [preset, setPreset] = useState(() => chosenForChat() ?? 'moa');
  const [text, setText] = useState(takeQuestion);
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [warnings, setWarnings] = useState<string[]>([]);
  const [changes, setChanges] = useState(0);
  const [states, setStates] = useState<Record<string, string>>({});
  const input = useRef<HTMLTextAreaElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const conversation = useMemo(() => (jobId ? conversationOf(jobId) : { jobs: [] }), [jobId, changes]);
  const all = useMemo(readConversations, [jobId, changes]);
  const last = conversation.jobs.at(-1) ?? null;
  const busy = last !== null && !hasEnded(states[last] ?? 'RUNNING');
  // The default first.
  const known = useMemo(() => [...(presets.value ?? [])].sort((a, b) => Number(b.name === 'moa') - Number(a.name === 'moa')), [presets.value]);
  const [mine] = useState(() => ({ saved: savedMoas(), draft: readDraft() }));
  const custom = useMemo(() => customOf(preset), [preset]);
  const chosen = custom ?? known.find((one) => one.name === preset) ?? known[0];
  const choice = custom ? preset : (chosen?.name ?? '');

  useEffect(() => {
    if (!jobId) input.current?.focus();
  }, [jobId]);
  useEffect(() => {
    if (last) end.current?.scrollIntoView({ block: 'end' });
  }, [last]);

  const send = async (): Promise<void> => {
    const prompt = text.trim();
    if (!prompt || sending || busy || !chosen) return;
    setSending(true);
    setProblem(null);
    // A job without an answer cannot be gone on from: the one before it is.
    const follows = [...conversation.jobs].reverse().find((id) => states[id] === 'SUCCEEDED') ?? null;
    try {
      const named = { name: nameOf(prompt), prompt, preset: chosen?.name };
      const job = (custom ? askWith(custom.job, custom.name, prompt, follows) : { ...named, ...(follows ? { follows } : {}) }) as Asked;
      const reply = await api.submit(job, newKey());
      keepAsked(reply.job_id, job);
      remember(reply.job_id, last);
      setWarnings(reply.warnings ?? []);
      setText('');
      location.hash = `#/chat/${encodeURIComponent(reply.job_id)}`;
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error));
    } finally {
      setSending(false);
      input.current?.focus();
    }
  };

  const choose = (name: string): void => {
    setPreset(name);
    chooseForChat(name);
  };

  const begin = (): void => {
    setProblem(null);
    setWarnings([]);
    location.hash = '#/chat';
    input.current?.focus();
  };

  return (
    <div class="chat">
      <aside aria-label="Conversations">
        <button type="button" class="wide" onClick={begin}>New conversation</button>
        <History
          current={jobId}
          all={all}
          onForget={(one) => {
            forget(one);
            if (jobId && one.jobs.includes(jobId)) begin();
            setChanges((n) => n + 1);
          }}
        />
      </aside>
      <div class="talk">
        <div class="turns">
          {conversation.jobs.length === 0 ? (
            <div class="welcome">
              <h1>Ask a mixture of agents</h1>
              <p class="muted">Several models answer side by side, layer after layer; the last one makes one answer out of theirs. Choose how:</p>
              {presets.problem && !presets.value && <Notice kind="error">{presets.problem}</Notice>}
              <ul class="presets">
                {mine.saved.map((one) => (
                  <li key={savedChoice(one.name)}>
                    <button type="button" aria-pressed={savedChoice(one.name) === choice} onClick={() => choose(savedChoice(one.name))}>
                      <strong>{one.name}</strong>
                      <span>Saved in this browser</span>
                      <small>{shapeOfJob(one.job)}</small>
                    </button>
                    <a class="open-in-builder" href={`#/builder/my/${encodeURIComponent(one.name)}`} aria-label={`Open ${one.name} in the Builder`}>Open in builder</a>
                  </li>
                ))}
                {known.map((one) => (
                  <li key={one.name}>
                    <button type="button" aria-pressed={one.name === choice} onClick={() => choose(one.name)}>
                      <strong>{one.name}</strong>
                      <span>{one.description}</span>
                      <small>{shapeOf(one)}</small>
                    </button>
                    <a class="open-in-builder" href={`#/builder/preset/${encodeURIComponent(one.name)}`} aria-label={`Open ${one.name} in the Builder`}>Open in builder</a>
                  </li>
                ))}
              </ul>
            </div>
          ) : (
            <>
              <h1 class="hidden">Conversation</h1>
              {conversation.jobs.map((id) => (
                <Turn key={id} id={id} last={id === last} presets={known} onState={(of, state) => setStates((now) => (now[of] === state ? now : { ...now, [of]: state }))} />
              ))}
            </>
          )}
          <div ref={end} class="end" />
        </div>
        <form
          class="composer"
          aria-label="Ask"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          {problem && <Notice kind="error">{problem}</Notice>}
          {warnings.length > 0 && <Notice kind="warning"><ul>{warnings.map((warning) => <li key={warning}>{warning}</li>)}</ul></Notice>}
          <div class="composer-box">
            <label class="hidden" for="prompt">{conversation.jobs.length ? 'Go on' : 'Question'}</label>
            <textarea
              id="prompt"
              ref={input}
              rows={2}
              value={text}
              placeholder={conversation.jobs.length ? 'Go on…' : 'What do you want to know?'}
              onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
                  event.preventDefault();
                  void send();
                }
              }}
            />
            <div class="row">
              <label class="inline">
                <span>Preset</span>
                <select value={choice} onChange={(event) => choose(event.currentTarget.value)}>
                  {(mine.saved.length > 0 || mine.draft) && (
                    <optgroup label="My MoAs">
                      {mine.saved.map((one) => <option key={one.name} value={savedChoice(one.name)}>{one.name}</option>)}
                      {mine.draft && <option value={draftChoice}>the Builder’s draft</option>}
                    </optgroup>
                  )}
                  <optgroup label="Presets">{known.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}</optgroup>
                </select>
              </label>
              <span class="muted keys">Enter sends, Shift+Enter begins a line</span>
              <button type="submit" class="primary push" disabled={!text.trim() || sending || busy || !chosen}>{sending ? 'Sending…' : 'Send'}</button>
            </div>
          </div>
        </form>
      </div>
    </div>
  );
}
