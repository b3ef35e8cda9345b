// Fields of the form, each bound to a path of the job. What is not set shows what holds then.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useEditor } from './editor';
import { fieldId, problemsAt } from './places';
import { type Json, type Path, equal, pathText, valueAt } from './tree';
import { linesOf, namesOf, numberOf, shown } from './values';

export type Kind = 'text' | 'number' | 'area' | 'names' | 'lines' | 'check' | 'select' | 'model';

export interface FieldSpec {
  label: string;
  kind?: Kind;
  placeholder?: string; // what holds where nothing is set
  hint?: string;
  options?: (readonly [value: string, label: string])[];
  rows?: number;
  wide?: boolean;
}

const readers: Partial<Record<Kind, (text: string) => Json | undefined>> = { number: numberOf, names: namesOf, lines: linesOf };
const plain = (text: string): Json | undefined => (text === '' ? undefined : text);

export function Field({ path, spec }: { path: Path; spec: FieldSpec }) {
  const { job, base, problems, set } = useEditor();
  const { kind = 'text' } = spec;
  const name = pathText(path);
  const id = fieldId(name);
  const value = valueAt(job, path);
  const found = problemsAt(problems, name);
  const read = readers[kind] ?? plain;
  const between = kind === 'lines' ? '\n' : ', ';
  // As it was typed ("0.70", "a, "), as long as it means what the job has.
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed !== null && equal(read(typed), value) ? typed : shown(value, between);
  // What holds where nothing is set: what the preset says, else what goes without saying.
  const inherited = base ? valueAt(base, path) : undefined;
  const options = spec.options ?? [];
  const word = options.find(([option]) => option === shown(inherited))?.[1] ?? shown(inherited, between);
  const placeholder = inherited === undefined ? spec.placeholder : kind === 'select' ? `${word} (preset)` : word;
  const take = (input: string): void => {
    setTyped(input);
    set(path, read(input));
  };
  const described = [spec.hint && `${id}:hint`, found.length && `${id}:problem`].filter(Boolean).join(' ') || undefined;
  const common = { id, 'aria-invalid': found.length > 0 || undefined, 'aria-describedby': described };
  const input = (): ComponentChildren => {
    switch (kind) {
      case 'check':
        return <input {...common} type="checkbox" checked={(value ?? inherited) === true} disabled={inherited === true} onChange={(event) => set(path, event.currentTarget.checked || undefined)} />;
      case 'select': {
        const known = options.some(([option]) => option === text) || text === '';
        return (
          <select {...common} value={text} onChange={(event) => set(path, event.currentTarget.value || undefined)}>
            <option value="">{placeholder ?? ''}</option>
            {options.map(([option, label]) => <option key={option} value={option}>{label}</option>)}
            {!known && <option value={text}>{text}</option>}
          </select>
        );
      }
      case 'area':
      case 'lines':
        return (
          <textarea {...common} rows={spec.rows ?? 2} value={text} placeholder={placeholder} spellcheck={false} onInput={(event) => take(event.currentTarget.value)} />
        );
      default:
        return (
          <input
            {...common}
            type="text"
            inputMode={kind === 'number' ? 'decimal' : undefined}
            list={kind === 'model' ? 'builder-models' : undefined}
            autocomplete="off"
            spellcheck={false}
            value={text}
            placeholder={placeholder}
            onInput={(event) => take(event.currentTarget.value)}
          />
        );
    }
  };
  return (
    <div class={`b-field of-${kind} ${spec.wide || kind === 'area' ? 'is-wide' : ''}`}>
      <label for={id}>{spec.label}</label>
      {input()}
      {spec.hint && <p id={`${id}:hint`} class="b-hint">{spec.hint}</p>}
      {found.length > 0 && (
        <div id={`${id}:problem`} class="b-problem">
          {found.map((one, i) => <p key={i}>{one.path === name ? '' : `${one.path.slice(name.length).replace(/^\./, '')}: `}{one.message}</p>)}
        </div>
      )}
    </div>
  );
}

export const Fields = ({ at, specs }: { at: Path; specs: Record<string, FieldSpec> }) => (
  <div class="b-fields">
    {Object.entries(specs).map(([key, spec]) => <Field key={pathText([...at, key])} path={[...at, key]} spec={spec} />)}
  </div>
);
