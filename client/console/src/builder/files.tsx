// Files in and out: what the server reads and writes, and what it says about it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api';
import { Dialog, Notice } from '../parts';
import type { WireConverted } from '../wire';
import type { Problem } from './places';
import type { JsonObject } from './tree';

export function ProblemList({ problems }: { problems: Problem[] }) {
  return (
    <ul class="b-problems">
      {problems.map((one, i) => (
        <li key={i}>{one.line ? <span class="muted">line {one.line}: </span> : null}{one.path && <code>{one.path}</code>} {one.message}</li>
      ))}
    </ul>
  );
}

export function ImportDialog({ onClose, onJob }: { onClose: () => void; onJob: (job: JsonObject, answer: WireConverted, file: string) => void }) {
  const [text, setText] = useState('');
  const [file, setFile] = useState('');
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [trouble, setTrouble] = useState('');
  const read = async (content: string, name: string): Promise<void> => {
    setBusy(true);
    setTrouble('');
    setProblems([]);
    try {
      const answer = await api.convert(content, name);
      if (answer.job) return onJob(answer.job, answer, name);
      setProblems(answer.problems);
      setTrouble(answer.problems.length ? 'The file has mistakes:' : 'The file holds no job.');
    } catch (error) {
      const known = error instanceof ApiError ? error : null;
      setProblems(known?.problems ?? []);
      setTrouble(known?.problems.length ? 'The file cannot be read:' : known ? known.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title="Import a job file" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) void read(text, file);
        }}
      >
        <p class="muted">YAML or JSON, or a file of the Mixture-of-Agents workshop. The server reads it; this job makes way and can be brought back with Undo.</p>
        <label class="field">
          <span>File</span>
          <input
            type="file"
            accept=".yaml,.yml,.json"
            onChange={(event) => {
              const chosen = event.currentTarget.files?.[0];
              if (!chosen) return;
              setFile(chosen.name);
              void chosen.text().then((content) => {
                setText(content);
                void read(content, chosen.name);
              });
            }}
          />
        </label>
        <label class="field">
          <span>Or its text</span>
          <textarea
            class="mono"
            rows={10}
            value={text}
            spellcheck={false}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setFile('');
            }}
          />
        </label>
        {trouble && <Notice kind="error">{trouble}</Notice>}
        {problems.length > 0 && <ProblemList problems={problems} />}
        <div class="row end"><button type="submit" class="primary" disabled={busy || !text.trim()}>{busy ? 'Reading…' : 'Import'}</button></div>
      </form>
    </Dialog>
  );
}

type Form = 'yaml' | 'json' | 'workshop';
const forms: { name: Form; title: string; type: string; ending: string }[] = [
  { name: 'yaml', title: 'YAML', type: 'application/yaml', ending: 'yaml' },
  { name: 'json', title: 'JSON', type: 'application/json', ending: 'json' },
  { name: 'workshop', title: 'Workshop', type: 'application/json', ending: 'workshop.json' },
];

function download(text: string, name: string, type: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function ExportDialog({ job, name, onClose }: { job: JsonObject; name: string; onClose: () => void }) {
  const [form, setForm] = useState<Form>('yaml');
  const [answer, setAnswer] = useState<WireConverted | null>(null);
  const [trouble, setTrouble] = useState('');
  const [copied, setCopied] = useState(false);
  const asked = useRef(job);
  useEffect(() => {
    api.convert(JSON.stringify(asked.current), 'draft.json').then(setAnswer, (error: unknown) => setTrouble(error instanceof ApiError ? error.message : String(error)));
  }, []);
  const texts: Record<Form, string | null> = {
    yaml: answer?.yaml ?? null,
    json: answer?.job ? `${JSON.stringify(answer.job, null, 2)}\n` : null,
    workshop: answer?.workshop?.file ?? null,
  };
  const text = texts[form];
  const chosen = forms.find((one) => one.name === form)!;
  const notes = answer?.workshop?.notes ?? [];
  return (
    <Dialog title="Export the job" onClose={onClose}>
      <fieldset class="b-choice">
        <legend>Form</legend>
        {forms.map((one) => (
          <label key={one.name}><input type="radio" name="form" checked={form === one.name} onChange={() => { setForm(one.name); setCopied(false); }} /> {one.title}</label>
        ))}
      </fieldset>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {answer && answer.problems.length > 0 && (
        <div class="notice is-warning">
          The job has mistakes{form === 'workshop' ? ', so that it cannot be put into the workshop’s form' : ' and is exported as it stands'}.
          <ProblemList problems={answer.problems} />
        </div>
      )}
      {form === 'workshop' && notes.length > 0 && (
        <div class="notice is-warning">
          {text === null ? 'The workshop’s app has no MoA of this shape:' : 'The workshop’s form cannot say all of it:'}
          <ProblemList problems={notes} />
        </div>
      )}
      {text !== null && <pre class="b-file" tabIndex={0} role="region" aria-label={`The job as ${chosen.title}`}>{text}</pre>}
      <div class="row end">
        <button type="button" disabled={text === null} onClick={() => void navigator.clipboard?.writeText(text ?? '').then(() => setCopied(true))}>{copied ? 'Copied' : 'Copy'}</button>
        <button type="button" class="primary" disabled={text === null} onClick={() => download(text ?? '', `${(name || 'job').replace(/[^\w.-]+/g, '-')}.${chosen.ending}`, chosen.type)}>Download</button>
      </div>
    </Dialog>
  );
}
