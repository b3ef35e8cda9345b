// The Builder: a MoA drawn, edited and checked as it is typed, with the prompts that its agents would get.
import './builder.css';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api';
import { count, money } from '../format';
import { usePoll } from '../hooks';
import { Notice } from '../parts';
import { bringQuestion, chooseForChat, draftChoice, keepDraft, readDraft, savedChoice, savedMoas, takeJob } from '../saved_moas';
import type { WirePreset } from '../wire';
import { type Check, useCheck } from './check';
import { emptyJob, setField, shapeOf, usualModel, writtenOut } from './edits';
import { type Editor, EditorContext } from './editor';
import { ExportDialog, ImportDialog, ProblemList } from './files';
import { GraphView } from './graph_view';
import { Icon } from './icons';
import { Inspector } from './inspector';
import { PartForm } from './part_form';
import { type Problem, fieldId, livePart, partOf, problemOf } from './places';
import { SaveDialog, StartDialog } from './shelf';
import { Source } from './source';
import { type JsonObject, equal, isObject, parsePath, pathText } from './tree';
import { shown } from './values';
import { type Steps, begin, record, redo, undo } from './undo';

const firstPreset = 'moa';
const modelOtherwise = 'gpt-oss-120b';

interface Note {
  kind: 'info' | 'warning';
  text: string;
  problems: Problem[];
  of?: JsonObject; // shown as long as the job is this one
}

function Status({ check }: { check: Check }) {
  const { plan, problems, state } = check;
  const facts = plan && [`${count(plan.calls_max)} ${plan.calls_max === 1 ? 'call' : 'calls'}`, `${count(plan.prompt_tokens_max + plan.completion_tokens_max)} tokens`, plan.cost_usd_max > 0 ? money(plan.cost_usd_max) : ''].filter(Boolean).join(', ');
  const texts = {
    unreachable: `Not checked: ${check.message}`,
    invalid: `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
    valid: `No problems · at most ${facts}`,
    checking: 'Checking…',
  };
  // Read out is what came of it, not each time that it is asked.
  const said = useRef('');
  if (state !== 'checking') said.current = texts[state];
  return (
    <>
      <p class={`b-status is-${state}`} aria-hidden="true">{texts[state]}</p>
      <p class="hidden" role="status">{said.current}</p>
    </>
  );
}

function Problems({ kind, problems, onGo }: { kind: 'Problems' | 'Warnings'; problems: Problem[]; onGo: (path: string) => void }) {
  if (problems.length === 0) return null;
  return (
    <section class={`b-summary of-${kind.toLowerCase()}`} aria-label={kind} tabIndex={0}>
      <ul>
        {problems.map((one, i) => (
          <li key={i}>
            <button type="button" class="link" onClick={() => onGo(one.path)}><code>{one.path || 'the job'}</code></button> {one.message}
          </li>
        ))}
      </ul>
    </section>
  );
}

// To the field of that path, or to the nearest around it that there is.
function focusField(text: string): void {
  for (let path = parsePath(text); path.length > 0; path = path.slice(0, -1)) {
    const field = document.getElementById(fieldId(pathText(path)));
    if (field) return field.focus();
  }
  document.getElementById('part-title')?.focus();
}

const sides = [{ name: 'prompts', title: 'Prompts' }, { name: 'source', title: 'Source' }] as const;

function Side({ check, job, onGo }: { check: Check; job: JsonObject; onGo: (path: string) => void }) {
  const [side, setSide] = useState<(typeof sides)[number]['name']>('prompts');
  return (
    <section class="panel b-side" aria-label="What comes of it">
      {check.problems.length > 0 && <Problems kind="Problems" problems={check.problems} onGo={onGo} />}
      {check.planned === job && <Problems kind="Warnings" problems={(check.plan?.warnings ?? []).map(problemOf)} onGo={onGo} />}
      <div class="b-tabs" role="tablist" aria-label="What comes of it">
        {sides.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={side === name}
            aria-controls="builder-side"
            tabIndex={side === name ? 0 : -1}
            onClick={() => setSide(name)}
            onKeyDown={(event) => {
              if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
              const next = name === 'prompts' ? 'source' : 'prompts';
              setSide(next);
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {title}
          </button>
        ))}
      </div>
      <div id="builder-side" role="tabpanel" aria-labelledby={`tab-${side}`}>
        {side === 'prompts' ? <Inspector check={check} current={check.planned === job} /> : <Source />}
      </div>
    </section>
  );
}

interface Opened {
  job: JsonObject;
  name: string;
}

// What the address asks for; null where it asks for nothing, or for what is not there.
function askedFor(route: string[], presets: WirePreset[]): Opened | null {
  const [kind, name] = route;
  const preset = kind === 'preset' ? presets.find((one) => one.name === name) : undefined;
  if (preset?.moa) return { job: { moa: preset.moa as JsonObject }, name: '' };
  const brought = kind === 'job' ? takeJob() : null;
  if (brought) return { job: brought, name: '' };
  const mine = kind === 'my' ? savedMoas().find((one) => one.name === name) : undefined;
  return mine ? { job: mine.job, name: mine.name } : null;
}

export function Builder({ route }: { route: string[] }) {
  const presets = usePoll((signal) => api.presets(signal), 60_000);
  const known = presets.value ?? (presets.problem ? [] : null);
  // Without a draft the first preset is one, so that nobody begins before an empty page.
  const [draft] = useState(readDraft);
  if (!known) return <p class="empty">Loading…</p>;
  const first = askedFor(['preset', firstPreset], known) ?? { job: emptyJob(modelOtherwise), name: '' };
  return <Workbench route={route} presets={known} first={draft ?? first} isDraft={draft !== null} />;
}

function Workbench({ route, presets, first, isDraft }: { route: string[]; presets: WirePreset[]; first: Opened; isDraft: boolean }) {
  const [steps, setSteps] = useState<Steps>(() => begin(first.job));
  const [name, setName] = useState(first.name);
  const [selected, setSelected] = useState('moa');
  const [note, setNote] = useState<Note | null>(null);
  const [dialog, setDialog] = useState<'start' | 'import' | 'export' | 'save' | null>(null);
  const [kept, setKept] = useState(true);
  const goal = useRef<string | null>(null);
  const untouched = useRef(isDraft ? null : first.job);
  const models = usePoll((signal) => api.models(signal), 60_000);
  const job = steps.present;
  const check = useCheck(job);
  const model = usualModel(job, models.value?.find((one) => one.configured && one.workers)?.id ?? modelOtherwise);
  // Of a job that changes a preset: the preset.
  const preset = typeof job.preset === 'string' ? presets.find((one) => one.name === job.preset)?.moa : undefined;
  const base = useMemo(() => (preset ? { moa: preset as JsonObject } : null), [preset]);
  const shape = useMemo(() => shapeOf(job, base?.moa), [job, base]);
  const part = livePart(shape, selected);

  const apply = useCallback((next: JsonObject, key: string) => setSteps((now) => record(now, next, key, Date.now())), []);
  const editor = useMemo<Editor>(
    () => ({
      job,
      base,
      shape,
      problems: check.problems,
      models: models.value ?? [],
      model,
      set: (path, value) => setSteps((now) => record(now, setField(now.present, path, value), pathText(path), Date.now())),
      change: (next, select) => {
        apply(next, '');
        if (select !== undefined) setSelected(select);
      },
      select: setSelected,
    }),
    [job, base, shape, check.problems, models.value, model],
  );

  useEffect(() => {
    if (job !== untouched.current) setKept(keepDraft({ name, job }));
  }, [job, name]);
  useEffect(() => {
    if (goal.current === null) return;
    focusField(goal.current);
    goal.current = null;
  });

  const open = (what: Opened, text: string, more: Partial<Note> = {}): void => {
    apply(what.job, '');
    setName(what.name);
    setSelected('moa');
    setDialog(null);
    setNote({ kind: 'info', text, problems: [], of: more.problems ? undefined : what.job, ...more });
  };
  useEffect(() => {
    if (route.length === 0) return;
    const asked = askedFor(route, presets);
    if (asked && !equal(asked.job, job)) open(asked, route[0] === 'job' ? 'The job’s MoA is open here.' : `“${route[1]}” is open here.`);
    else if (!asked && route[0] !== 'job') setNote({ kind: 'warning', text: `There is no ${route[0] === 'my' ? 'MoA' : 'preset'} “${route[1] ?? ''}”.`, problems: [] });
    history.replaceState(null, '', '#/builder');
  }, [route.join('/')]);

  const go = (path: string): void => {
    setSelected(partOf(path));
    goal.current = path;
  };
  const saved = useMemo(() => savedMoas().find((one) => one.name === name), [name, dialog, job]);
  const unsaved = !saved || !equal(saved.job, job);
  const ask = (): void => {
    const isKept = keepDraft({ name, job });
    setKept(isKept);
    if (!isKept) return;
    chooseForChat(unsaved ? draftChoice : savedChoice(name));
    bringQuestion(typeof job.prompt === 'string' ? job.prompt : '');
    location.hash = '#/chat';
  };
  const step = (to: (steps: Steps) => Steps): void => setSteps(to);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || (event.target as HTMLElement).id === 'builder-source') return;
    const pressed = event.key.toLowerCase();
    if (pressed !== 'z' && pressed !== 'y') return;
    event.preventDefault();
    step(pressed === 'y' || event.shiftKey ? redo : undo);
  };

  const merged = check.planned === job ? check.plan?.moa : undefined;
  return (
    <EditorContext.Provider value={editor}>
      <div class="page builder" onKeyDown={onKeyDown}>
        <div class="b-bar">
          <h1>{name || 'New MoA'}{unsaved && name && <small class="muted"> edited</small>}</h1>
          <span class="row">
            <button type="button" class="icon" aria-label="Undo" title="Undo (Ctrl+Z)" disabled={steps.past.length === 0} onClick={() => step(undo)}><Icon name="undo" /></button>
            <button type="button" class="icon" aria-label="Redo" title="Redo (Ctrl+Shift+Z)" disabled={steps.future.length === 0} onClick={() => step(redo)}><Icon name="redo" /></button>
            <button type="button" onClick={() => setDialog('start')}>Start from…</button>
            <button type="button" onClick={() => setDialog('import')}>Import</button>
            <button type="button" onClick={() => setDialog('export')}>Export</button>
            <button type="button" onClick={() => setDialog('save')}>Save</button>
            <button type="button" class="primary" disabled={check.state === 'invalid'} title={check.state === 'invalid' ? 'The job has problems' : undefined} onClick={ask}>Ask with it</button>
          </span>
        </div>
        {!kept && <Notice kind="warning">This browser keeps nothing more: export the job, or it is lost with this page.</Notice>}
        {note && (!note.of || note.of === job) && (
          <div class={`notice is-${note.kind} b-note`}>
            <div>
              {note.text}
              {note.problems.length > 0 && <ProblemList problems={note.problems} />}
            </div>
            <button type="button" class="icon" aria-label="Close this note" onClick={() => setNote(null)}><Icon name="remove" /></button>
          </div>
        )}
        {job.preset !== undefined && (
          <div class="notice b-note">
            <div>This job changes the preset {shown(job.preset)}: what is not set is as the preset says, and its layers and agents are the preset’s.</div>
            <button type="button" disabled={!isObject(merged)} onClick={() => merged && editor.change(writtenOut(job, merged), 'moa')}>Write it out</button>
          </div>
        )}
        <section class="panel b-drawing" aria-label="Drawing">
          <GraphView job={shape} problems={check.problems} selected={part} onSelect={setSelected} />
          <div class="b-below">
            <Status check={check} />
            {check.state === 'invalid' && <button type="button" class="quiet" onClick={() => go(check.problems[0]?.path ?? '')}>Go to the first</button>}
            <button type="button" class="push" aria-pressed={part === 'moa'} onClick={() => setSelected('moa')}>Layers, answer, references</button>
          </div>
        </section>
        <div class="b-main">
          <PartForm part={part} />
          <Side check={check} job={job} onGo={go} />
        </div>
        <datalist id="builder-models">{models.value?.map((one) => <option key={one.id} value={one.id} />)}</datalist>
        {dialog === 'start' && (
          <StartDialog
            presets={presets}
            onPreset={(preset) => open({ job: { moa: (preset.moa ?? {}) as JsonObject }, name: '' }, `A copy of the preset ${preset.name}.`)}
            onSaved={(mine) => open({ job: mine.job, name: mine.name }, `“${mine.name}” is open.`)}
            onEmpty={() => open({ job: emptyJob(model), name: '' }, 'Two agents and an aggregator.')}
            onClose={() => setDialog(null)}
          />
        )}
        {dialog === 'import' && (
          <ImportDialog
            onClose={() => setDialog(null)}
            onJob={(imported, answer, file) =>
              open(
                { job: imported, name: '' },
                `${file || 'The text'} was read${answer.form === 'workshop' ? ' as a file of the workshop' : ''}${answer.warnings.length ? ', with warnings:' : '.'}`,
                answer.warnings.length ? { kind: 'warning', problems: answer.warnings } : {},
              )
            }
          />
        )}
        {dialog === 'export' && <ExportDialog job={job} name={name || (typeof job.name === 'string' ? job.name : '')} onClose={() => setDialog(null)} />}
        {dialog === 'save' && (
          <SaveDialog
            name={name}
            job={job}
            onSaved={(as) => {
              setName(as);
              setDialog(null);
            }}
            onClose={() => setDialog(null)}
          />
        )}
      </div>
    </EditorContext.Provider>
  );
}
