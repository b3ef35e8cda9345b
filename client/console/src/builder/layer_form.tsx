// A layer: its agents, how often it runs, and its optional parts, each with a switch.
import type { ComponentChildren } from 'preact';
import { Beyond, PartProblems } from './agent_form';
import { AgentTable } from './agent_table';
import { type Group, agentsPath, criticsPath, layerPath, setGroup } from './edits';
import { useEditor } from './editor';
import { Fields } from './fields';
import { Icon } from './icons';
import { fieldId, problemsAt, problemsBeside } from './places';
import { escalationSpecs, groupSpecs, layerSpecs } from './specs';
import { type Path, insertItem, isObject, itemsAt, pathText, removeItem, valueAt, withValue } from './tree';
import { shown } from './values';

function GroupBox({ layer, group, children }: { layer: number; group: Group; children?: ComponentChildren }) {
  const { job, base, shape, model, problems, change } = useEditor();
  const at: Path = [...layerPath(layer), group];
  const spec = groupSpecs[group]!;
  const fields = [...Object.keys(spec.specs).map((key) => pathText([...at, key])), pathText([...at, 'escalate'])];
  const beside = problemsAt(problemsBeside(problems, pathText(layerPath(layer)), fields), pathText(at));
  const on = valueAt(shape, at) !== undefined;
  const given = base !== null && valueAt(base, at) !== undefined;
  const id = fieldId(pathText(at));
  return (
    <fieldset class={`b-group ${on ? 'is-on' : ''}`}>
      <legend>
        <input id={id} type="checkbox" checked={on} disabled={given} onChange={(event) => change(setGroup(job, layer, group, event.currentTarget.checked, model))} />
        <label for={id}>{spec.title}</label>
        <span class="muted">{spec.what}</span>
      </legend>
      {beside.length > 0 && <div class="b-problem">{beside.map((one, i) => <p key={i}>{one.message}</p>)}</div>}
      {on && (
        <>
          {children}
          <Fields at={at} specs={spec.specs} />
        </>
      )}
    </fieldset>
  );
}

function Escalation({ layer }: { layer: number }) {
  const { job, base, shape, change } = useEditor();
  const list: Path = [...layerPath(layer), 'critique', 'escalate'];
  const steps = itemsAt(shape, list);
  const without = (at: number) =>
    steps.length > 1 ? removeItem(job, list, at) : (withValue(job, list, undefined) as typeof job);
  return (
    <div class="b-steps">
      {steps.map((_, i) => (
        <div key={i} class="b-step">
          <h3>From round {i + 2} on</h3>
          {!base && <button type="button" class="icon" aria-label={`Remove what changes from round ${i + 2} on`} onClick={() => change(without(i))}><Icon name="remove" /></button>}
          <Fields at={[...list, i]} specs={escalationSpecs} />
        </div>
      ))}
      {!base && <button type="button" class="quiet" onClick={() => change(insertItem(job, list, steps.length, {}))}><Icon name="add" /> Change something from round {steps.length + 2} on</button>}
    </div>
  );
}

function RouterLine({ layer }: { layer: number }) {
  const { shape, select } = useEditor();
  const at: Path = [...layerPath(layer), 'route', 'router'];
  const router = valueAt(shape, at);
  const name = isObject(router) ? shown(router.name) || 'router' : 'router';
  return (
    <button type="button" class="b-agent" onClick={() => select(pathText(at))}>
      <strong>{name}</strong>
      <span>{isObject(router) ? shown(router.model) || 'no model' : 'no model'}</span>
    </button>
  );
}

export function LayerForm({ layer }: { layer: number }) {
  const at = layerPath(layer);
  const groups = Object.keys(groupSpecs);
  return (
    <>
      <PartProblems part={pathText(at)} fields={[[...at, 'cycles'], ...groups.map((group): Path => [...at, group])]} />
      <AgentTable list={agentsPath(layer)} layer={layer} what="agent" />
      <Fields at={at} specs={layerSpecs} />
      <GroupBox layer={layer} group="route"><RouterLine layer={layer} /></GroupBox>
      <GroupBox layer={layer} group="critique">
        <AgentTable list={criticsPath(layer)} layer={layer} what="critic" />
        <Escalation layer={layer} />
      </GroupBox>
      <GroupBox layer={layer} group="vote" />
      <GroupBox layer={layer} group="early_exit" />
      <GroupBox layer={layer} group="enough" />
      <GroupBox layer={layer} group="quorum" />
      <Beyond at={at} known={['agents', 'cycles', ...groups]} />
    </>
  );
}
