// The challenge: a task that a grader marks, configurations that try it, and what came of them.
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { api } from '../api';
import { askWith } from '../builder/edits';
import type { JsonObject } from '../builder/tree';
import { count, duration, timeOfDay } from '../format';
import { usePoll } from '../hooks';
import { Notice } from '../parts';
import { customOf, draftChoice, readDraft, savedChoice, savedMoas } from '../saved_moas';
import { read, write } from '../session';
import type { WireGrade, WireGrader, WirePreset } from '../wire';
import { type Attempt, attempts } from './attempts';
import { GradeView, MeansView, Points } from './grade_view';
import { Progress } from './progress';
import './challenge.css';

const choiceKey = 'moa.challenge.choice';
const attemptsMax = 20;

function useAttempts(): readonly Attempt[] {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => attempts().watch(() => redraw(undefined)), []);
  return attempts().all;
}

function Task({ grader, task, change }: { grader: WireGrader; task: string; change: (task: string) => void }) {
  return (
    <section class="panel pad task">
      <h2>The task</h2>
      <p class="muted">{grader.description}. {grader.max} points in {grader.checks.length} checks; the code is run, and nobody reads it.</p>
      <label class="field">
        <span>Prompt</span>
        <textarea rows={7} value={task} onInput={(event) => change(event.currentTarget.value)} />
      </label>
      {task !== grader.task && <p class="row end"><button type="button" onClick={() => change(grader.task)}>As it was</button></p>}
      <details>
        <summary>What is checked</summary>
        <ul class="check-list">{grader.checks.map((check) => <li key={check.id}><span>{check.id.replaceAll('_', ' ')}</span><span class="muted">{check.max}</span></li>)}</ul>
      </details>
    </section>
  );
}

interface Configuration {
  name: string;
  job: JsonObject;
  edit: string; // where it is edited
}

function configurationOf(choice: string, presets: WirePreset[], prompt: string): Configuration | null {
  const custom = customOf(choice);
  if (custom) {
    const edit = choice === draftChoice ? '#/builder' : `#/builder/my/${encodeURIComponent(custom.name)}`;
    return { name: custom.name, job: askWith(custom.job, custom.name, prompt, null), edit };
  }
  const preset = presets.find((one) => one.name === choice);
  return preset ? { name: preset.name, job: { name: preset.name, preset: preset.name, prompt }, edit: `#/builder/preset/${encodeURIComponent(preset.name)}` } : null;
}

function Configure({ grader, prompt }: { grader: WireGrader; prompt: string }) {
  const presets = usePoll((signal) => api.presets(signal), 60_000);
  const [mine] = useState(() => ({ saved: savedMoas(), draft: readDraft() }));
  const [choice, setChoice] = useState(() => read(choiceKey) ?? 'moa');
  const [times, setTimes] = useState(3);
  const [code, setCode] = useState('');
  const known = presets.value ?? [];
  const chosen = useMemo(() => configurationOf(choice, known, prompt), [choice, known, prompt]);
  const choose = (name: string): void => {
    setChoice(name);
    write(choiceKey, name);
  };
  return (
    <section class="panel pad configure">
      <h2>The configuration</h2>
      {presets.problem && !presets.value && <Notice kind="error">{presets.problem}</Notice>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen) attempts().start(chosen.name, grader.name, chosen.job, times);
        }}
      >
        <label class="field">
          <span>Mixture</span>
          <select value={chosen ? choice : ''} onChange={(event) => choose(event.currentTarget.value)}>
            {!chosen && <option value="">Choose one</option>}
            {mine.draft && <option value={draftChoice}>{`The Builder's draft${mine.draft.name ? ` of ${mine.draft.name}` : ''}`}</option>}
            {mine.saved.length > 0 && <optgroup label="Saved in this browser">{mine.saved.map((one) => <option key={one.name} value={savedChoice(one.name)}>{one.name}</option>)}</optgroup>}
            <optgroup label="Presets">{known.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}</optgroup>
          </select>
        </label>
        <label class="field">
          <span>Attempts</span>
          <input type="number" min={1} max={attemptsMax} required value={times} onInput={(event) => setTimes(Math.min(attemptsMax, Math.max(1, event.currentTarget.valueAsNumber || 1)))} />
        </label>
        <div class="row">
          <button type="submit" class="primary" disabled={!chosen || !prompt.trim()}>Run and grade</button>
          {chosen && <a class="button" href={chosen.edit}>Edit in Builder</a>}
        </div>
      </form>
      <details>
        <summary>Grade code of your own</summary>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (code.trim()) attempts().grade(code, grader.name);
          }}
        >
          <label class="field">
            <span>Code, or an answer that holds it</span>
            <textarea rows={8} class="mono" spellcheck={false} maxLength={1_000_000} value={code} onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
          <p class="row end"><button type="submit" disabled={!code.trim()}>Grade it</button></p>
        </form>
      </details>
    </section>
  );
}

const stateTexts = { running: 'asking', grading: 'grading', graded: 'graded', failed: 'failed' };

function AttemptRow({ attempt, shown, onShow }: { attempt: Attempt; shown: boolean; onShow: () => void }) {
  return (
    <li class={shown ? 'is-shown' : ''}>
      <div class="attempt">
        <button type="button" class="plain" aria-expanded={shown} disabled={!attempt.grade} onClick={onShow}>
          <span class="attempt-name">{attempt.name}</span>
          {attempt.grade ? <Points grade={attempt.grade} /> : <span class={`pill is-${attempt.state === 'failed' ? 'failed' : 'running'}`}>{stateTexts[attempt.state]}</span>}
        </button>
        <span class="muted small">
          {attempt.ms > 0 && `${duration(attempt.ms)}, ${count(attempt.tokens)} tokens`}{' '}
          {attempt.jobId && <a href={`#/jobs/${encodeURIComponent(attempt.jobId)}`}>Open the job</a>}
        </span>
      </div>
      {attempt.error && <Notice kind="error">{attempt.error}</Notice>}
      {shown && attempt.grade && <GradeView grade={attempt.grade} />}
    </li>
  );
}

function Results() {
  const all = useAttempts();
  const [shown, setShown] = useState<string | null>(null);
  const newest = all.find((one) => one.grade)?.key ?? null;
  useEffect(() => setShown(newest), [newest]);
  const last = all[0];
  const grades = all.filter((one) => one.name === last?.name && one.grader === last?.grader).flatMap((one) => (one.grade ? [one.grade] : []));
  return (
    <section class="results" aria-label="Attempts of this tab">
      <div class="page-head">
        <h2>Attempts of this tab</h2>
        {all.length > 0 && <button type="button" class="push" onClick={() => attempts().forget()}>Clear</button>}
      </div>
      {all.length === 0 ? (
        <p class="panel empty">None yet: run a configuration, and its answers are graded here, check by check.</p>
      ) : (
        <ul class="panel attempts">
          {all.map((one) => <AttemptRow key={one.key} attempt={one} shown={one.key === shown} onShow={() => setShown(one.key === shown ? null : one.key)} />)}
        </ul>
      )}
      {grades.length > 1 && <div class="panel pad"><MeansView grades={grades} /></div>}
    </section>
  );
}

function Board({ grader, tenant }: { grader: string; tenant: string }) {
  const { value, problem } = usePoll((signal) => api.leaderboard(grader, tenant, signal), 5_000, [grader, tenant]);
  return (
    <section>
      <h2>Leaderboard</h2>
      {problem && <Notice kind="error">{problem}</Notice>}
      <div class="panel table-box" tabIndex={0} role="region" aria-label="Leaderboard">
        <table>
          <thead>
            <tr>
              <th scope="col" class="to-right">Rank</th><th scope="col">Configuration</th><th scope="col" class="to-right">Mean</th><th scope="col" class="to-right">Best</th>
              <th scope="col" class="to-right">Attempts</th><th scope="col" class="to-right wide-only">Tokens</th><th scope="col">Best answer</th>
            </tr>
          </thead>
          <tbody>
            {(value ?? []).map((row) => (
              <tr key={`${row.name} ${row.config}`}>
                <td class="to-right">{row.rank}</td>
                <td>{row.name || 'without a name'} <small class="mono muted">{row.config}</small></td>
                <td class="to-right"><strong>{row.mean.toFixed(1)}</strong></td>
                <td class="to-right nowrap">{row.best} of {row.max}</td>
                <td class="to-right">{count(row.attempts)}</td>
                <td class="to-right wide-only">{count(row.mean_tokens)}</td>
                <td><a href={`#/jobs/${encodeURIComponent(row.best_job_id)}`}>Open</a></td>
              </tr>
            ))}
          </tbody>
        </table>
        {value?.length === 0 && <p class="empty">Nothing was graded yet.</p>}
      </div>
    </section>
  );
}

function Times({ grader, tenant }: { grader: string; tenant: string }) {
  const { value } = usePoll((signal) => api.grades(grader, tenant, signal), 5_000, [grader, tenant]);
  const grades: WireGrade[] = value ?? [];
  if (grades.length === 0) return null;
  return (
    <section>
      <h2>Attempts over time</h2>
      <div class="panel pad"><Progress grades={grades} /></div>
      <details class="panel pad">
        <summary>The newest {grades.length}, one by one</summary>
        <ul class="check-list">
          {grades.map((one) => (
            <li key={one.job_id}>
              <a href={`#/jobs/${encodeURIComponent(one.graded_job_id)}`}>{one.name || one.graded_job_id}</a>
              <span>{one.total} of {one.max}</span>
              <span class="muted">{timeOfDay(one.time)}</span>
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

export function Challenge() {
  const graders = usePoll((signal) => api.graders(signal), 300_000);
  const workers = usePoll((signal) => api.workers(signal), 15_000);
  const [name, setName] = useState('');
  const [tasks, setTasks] = useState<Record<string, string>>({});
  const [tenant, setTenant] = useState('');
  const known = graders.value ?? [];
  const grader = known.find((one) => one.name === name) ?? known[0];
  const nobody = workers.value !== null && !workers.value.some((one) => (one.grading_slots ?? 0) > 0);
  if (!grader) return <div class="page"><h1>Challenge</h1>{graders.problem ? <Notice kind="error">{graders.problem}</Notice> : <p class="muted">Loading…</p>}</div>;
  const task = tasks[grader.name] ?? grader.task;
  return (
    <div class="page challenge">
      <div class="page-head">
        <h1>Challenge</h1>
        <span class="row push">
          {known.length > 1 && (
            <label class="inline"><span>Grader</span><select value={grader.name} onChange={(event) => setName(event.currentTarget.value)}>{known.map((one) => <option key={one.name}>{one.name}</option>)}</select></label>
          )}
          <label class="inline"><span>Tenant</span><input maxLength={64} value={tenant} placeholder="all" onInput={(event) => setTenant(event.currentTarget.value)} /></label>
        </span>
      </div>
      {nobody && <Notice kind="warning">No connected worker can grade: one needs Python and a sandbox, and its log says what it lacks. Answers wait until there is one.</Notice>}
      <div class="halves">
        <Task grader={grader} task={task} change={(text) => setTasks((now) => ({ ...now, [grader.name]: text }))} />
        <Configure grader={grader} prompt={task} />
      </div>
      <Results />
      <Board grader={grader.name} tenant={tenant} />
      <Times grader={grader.name} tenant={tenant} />
    </div>
  );
}
