// One agent, critic, router or the aggregator, with all its fields.
import { useState } from 'preact/hooks';
import { useEditor } from './editor';
import { Field } from './fields';
import { problemsAt, problemsBeside } from './places';
import { agentFirst, agentSpecs } from './specs';
import { type Path, isObject, pathText, valueAt } from './tree';

// What the job says that the form has no field for: it stays, and is changed in the source.
export function Beyond({ at, known }: { at: Path; known: string[] }) {
  const { job } = useEditor();
  const value = valueAt(job, at);
  const more = isObject(value) ? Object.keys(value).filter((key) => !known.includes(key)) : [];
  if (more.length === 0) return null;
  return <p class="b-hint">Also set, in the source: {more.map((key) => <code key={key}>{key}</code>)}</p>;
}

// The problems of a part that none of its fields shows.
export function PartProblems({ part, fields }: { part: string; fields: Path[] }) {
  const { problems } = useEditor();
  const beside = problemsBeside(problems, part, fields.map(pathText));
  if (beside.length === 0) return null;
  return (
    <div class="b-problem">
      {beside.map((one, i) => {
        const where = part && one.path.startsWith(part) ? one.path.slice(part.length).replace(/^\./, '') : one.path;
        return <p key={i}>{where && <code>{where}</code>} {one.message}</p>;
      })}
    </div>
  );
}

export function AgentForm({ at, named, samples }: { at: Path; named: boolean; samples: boolean }) {
  const { job, shape, models, problems } = useEditor();
  const [more, setMore] = useState(false);
  const model = models.find((one) => one.id === valueAt(shape, [...at, 'model']));
  const routed = typeof at[2] === 'number' && valueAt(shape, [...at.slice(0, 3), 'route']) !== undefined;
  const specs = agentSpecs(model, { named, samples, described: samples && routed });
  const entries = Object.entries(specs);
  const value = valueAt(job, at);
  const rest = entries.filter(([key]) => !agentFirst.includes(key));
  const set = rest.filter(([key]) => isObject(value) && value[key] !== undefined).length;
  // A field with a problem is never behind the click.
  const open = more || rest.some(([key]) => problemsAt(problems, pathText([...at, key])).length > 0);
  const field = ([key, spec]: (typeof entries)[number]) => <Field key={pathText([...at, key])} path={[...at, key]} spec={spec} />;
  return (
    <>
      <PartProblems part={pathText(at)} fields={entries.map(([key]) => [...at, key])} />
      <div class="b-fields">{entries.filter(([key]) => agentFirst.includes(key)).map(field)}</div>
      {model && (
        <p class="b-hint">
          {model.id}: {[model.context_tokens ? `${model.context_tokens.toLocaleString('en')} tokens of context` : '', model.max_completion_tokens ? `at most ${model.max_completion_tokens.toLocaleString('en')} of completion` : ''].filter(Boolean).join(', ')}
        </p>
      )}
      <details class="b-more" open={open} onToggle={(event) => setMore(event.currentTarget.open)}>
        <summary>More <span class="muted">{set > 0 ? `${set} set` : 'sampling, fallbacks, what it sees'}</span></summary>
        <div class="b-fields">{rest.map(field)}</div>
      </details>
      <Beyond at={at} known={entries.map(([key]) => key)} />
    </>
  );
}
