// The form of what is selected in the drawing.
import { useEffect, useRef } from 'preact/hooks';
import { AgentForm, Beyond, PartProblems } from './agent_form';
import { addLayer, duplicateAgent, duplicateLayer, layersPath, removeAgent, removeCritic, setAnswer, setGroup } from './edits';
import { useEditor } from './editor';
import { Fields } from './fields';
import { Icon } from './icons';
import { LayerForm } from './layer_form';
import { budgetSpecs, jobSpecs, referenceSpecs } from './specs';
import { type Path, isObject, itemsAt, moveItem, parsePath, pathText, removeItem, valueAt } from './tree';
import { shown } from './values';

const paths = (at: Path, specs: object): Path[] => Object.keys(specs).map((key) => [...at, key]);

function JobForm() {
  const { job } = useEditor();
  const asked = isObject(job) && job.messages !== undefined;
  const { prompt, ...others } = jobSpecs;
  return (
    <>
      <PartProblems part="" fields={[...paths([], asked ? others : jobSpecs), ...paths(['budget'], budgetSpecs)]} />
      {asked && <p class="b-hint">The job has a conversation (<code>messages</code>); it is changed in the source.</p>}
      <Fields at={[]} specs={asked ? others : { prompt: prompt!, ...others }} />
      <h3>Budget</h3>
      <Fields at={['budget']} specs={budgetSpecs} />
      <Beyond at={[]} known={['moa', 'budget', 'messages', 'preset', ...Object.keys(jobSpecs)]} />
    </>
  );
}

function AnswerSwitch() {
  const { job, shape, model, change } = useEditor();
  const best = valueAt(shape, ['moa', 'answer']) !== undefined;
  const none = !best && valueAt(shape, ['moa', 'aggregator']) === undefined;
  const choices = [
    { name: 'An aggregator writes it', is: false },
    { name: 'The best answer of the last layer', is: true },
  ];
  return (
    <fieldset class="b-choice">
      <legend>The job’s answer</legend>
      {choices.map(({ name, is }) => (
        <label key={name}>
          <input type="radio" name="answer" checked={!none && best === is} onChange={() => change(setAnswer(job, is, model), is ? 'moa' : 'moa.aggregator')} /> {name}
        </label>
      ))}
    </fieldset>
  );
}

function FlowForm() {
  const { job, base, shape, model, change, select } = useEditor();
  const layers = itemsAt(shape, layersPath);
  return (
    <>
      <PartProblems part="moa" fields={paths(['moa', 'references'], referenceSpecs)} />
      <div class="b-agents">
        <ol>
          {layers.map((layer, i) => (
            <li key={i}>
              <button type="button" class="b-agent" onClick={() => select(pathText([...layersPath, i]))}>
                <strong>Layer {i + 1}</strong>
                <span>{itemsAt(layer, ['agents']).map((agent) => shown(agent.name) || 'agent').join(', ')}</span>
              </button>
              {!base && <span class="b-tools">
                <button type="button" class="icon" disabled={i === 0} aria-label={`Move layer ${i + 1} up`} onClick={() => change(moveItem(job, layersPath, i, i - 1))}><Icon name="up" /></button>
                <button type="button" class="icon" disabled={i === layers.length - 1} aria-label={`Move layer ${i + 1} down`} onClick={() => change(moveItem(job, layersPath, i, i + 1))}><Icon name="down" /></button>
                <button type="button" class="icon" aria-label={`Duplicate layer ${i + 1}`} onClick={() => change(duplicateLayer(job, i))}><Icon name="copy" /></button>
                <button type="button" class="icon" aria-label={`Remove layer ${i + 1}`} onClick={() => change(removeItem(job, layersPath, i))}><Icon name="remove" /></button>
              </span>}
            </li>
          ))}
        </ol>
        {!base && <button type="button" class="quiet" onClick={() => change(addLayer(job, layers.length, model), pathText([...layersPath, layers.length]))}><Icon name="add" /> Add a layer</button>}
      </div>
      <AnswerSwitch />
      <h3>How answers reach the next round</h3>
      <Fields at={['moa', 'references']} specs={referenceSpecs} />
      <Beyond at={['moa', 'references']} known={Object.keys(referenceSpecs)} />
      <Beyond at={['moa']} known={['layers', 'aggregator', 'answer', 'references']} />
    </>
  );
}

// What the selected part is, who it belongs to, and what can be done with it as a whole.
function useTitle(part: string): { kicker: string; title: string; actions: { label: string; run: () => void }[] } {
  const { job, shape, model, change } = useEditor();
  const path = parsePath(part);
  const layer = typeof path[2] === 'number' ? path[2] : -1;
  const value = valueAt(shape, path);
  const name = isObject(value) ? shown(value.name) : '';
  const at = Number(path.at(-1));
  if (part === '') return { kicker: 'Job', title: 'Question and limits', actions: [] };
  if (part === 'moa') return { kicker: 'Mixture', title: 'Layers, answer and references', actions: [] };
  if (part === 'moa.aggregator') return { kicker: 'Mixture', title: name ? `Aggregator: ${name}` : 'Aggregator', actions: [] };
  if (path.length === 3) {
    return {
      kicker: 'Mixture',
      title: `Layer ${layer + 1}`,
      actions: [
        { label: 'Add a layer after', run: () => change(addLayer(job, layer + 1, model), pathText([...layersPath, layer + 1])) },
        { label: 'Duplicate', run: () => change(duplicateLayer(job, layer), pathText([...layersPath, layer + 1])) },
        { label: 'Remove', run: () => change(removeItem(job, layersPath, layer), 'moa') },
      ],
    };
  }
  const kicker = `Layer ${layer + 1}`;
  if (path[3] === 'route') {
    return { kicker, title: `Router: ${name || 'router'}`, actions: [{ label: 'Remove', run: () => change(setGroup(job, layer, 'route', false, model), pathText(path.slice(0, 3))) }] };
  }
  const list = path.slice(0, -1);
  const critic = path[3] === 'critique';
  return {
    kicker,
    title: `${critic ? 'Critic' : 'Agent'}: ${name || at + 1}`,
    actions: [
      { label: 'Duplicate', run: () => change(duplicateAgent(job, list, layer, at), pathText([...list, at + 1])) },
      { label: 'Remove', run: () => change(critic ? removeCritic(job, layer, at) : removeAgent(job, layer, at), pathText(path.slice(0, 3))) },
    ],
  };
}

export function PartForm({ part }: { part: string }) {
  const { base, select } = useEditor();
  const { kicker, title, actions } = useTitle(part);
  const heading = useRef<HTMLHeadingElement>(null);
  const shownPart = useRef(part);
  // Who opens another part with the keyboard goes on reading there.
  useEffect(() => {
    if (shownPart.current !== part && document.activeElement === document.body) heading.current?.focus();
    shownPart.current = part;
  }, [part]);
  const path = parsePath(part);
  const above = kicker === 'Mixture' ? 'moa' : pathText(path.slice(0, 3));
  return (
    <section class="panel b-part" aria-labelledby="part-title">
      <header>
        <div>
          {part !== '' && part !== 'moa' && <button type="button" class="link b-kicker" onClick={() => select(above)}>{kicker}</button>}
          <h2 id="part-title" ref={heading} tabIndex={-1}>{title}</h2>
        </div>
        <span class="row push">
          {!base && actions.map(({ label, run }) => <button key={`${part} ${label}`} type="button" class="quiet" onClick={run}>{label}</button>)}
        </span>
      </header>
      {part === '' && <JobForm />}
      {part === 'moa' && <FlowForm />}
      {part === 'moa.aggregator' && <AgentForm key={part} at={path} named={false} samples={false} />}
      {path.length === 3 && <LayerForm key={part} layer={Number(path[2])} />}
      {path.length > 3 && <AgentForm key={part} at={path} named={path[3] !== 'route'} samples={path[3] === 'agents'} />}
    </section>
  );
}
