// A layer's agents or critics as rows: what is changed most often, and their order.
import { addAgent, duplicateAgent, layersPath, removeAgent, removeCritic } from './edits';
import { useEditor } from './editor';
import { Icon } from './icons';
import { problemsOfPart } from './places';
import { type JsonObject, type Path, itemsAt, moveItem, pathText } from './tree';
import { shown } from './values';

export function AgentTable({ list, layer, what }: { list: Path; layer: number; what: 'agent' | 'critic' }) {
  const { job, base, shape, model, problems, change, select } = useEditor();
  const agents = itemsAt(shape, list);
  const part = (at: number): string => pathText([...list, at]);
  const remove = (at: number): JsonObject => (what === 'agent' ? removeAgent(job, layer, at) : removeCritic(job, layer, at));
  const last = what === 'agent' && agents.length === 1 ? ' and its layer' : '';
  return (
    <div class="b-agents">
      <ol>
        {agents.map((agent, i) => {
          const name = shown(agent.name) || `${what} ${i + 1}`;
          const bad = problemsOfPart(problems, part(i)).length;
          return (
            <li key={i}>
              <button type="button" class={`b-agent ${bad ? 'is-bad' : ''}`} onClick={() => select(part(i))}>
                <strong>{name}</strong>
                <span>{shown(agent.model) || 'no model'}</span>
                <span>{agent.temperature === undefined ? '' : `t ${shown(agent.temperature)}`}</span>
                <span>{Number(agent.samples) > 1 ? `× ${shown(agent.samples)}` : ''}</span>
                {bad > 0 && <span class="b-bad">{bad} {bad === 1 ? 'problem' : 'problems'}</span>}
              </button>
              {!base && <span class="b-tools">
                <button type="button" class="icon" disabled={i === 0} aria-label={`Move ${name} up`} onClick={() => change(moveItem(job, list, i, i - 1))}><Icon name="up" /></button>
                <button type="button" class="icon" disabled={i === agents.length - 1} aria-label={`Move ${name} down`} onClick={() => change(moveItem(job, list, i, i + 1))}><Icon name="down" /></button>
                <button type="button" class="icon" aria-label={`Duplicate ${name}`} onClick={() => change(duplicateAgent(job, list, layer, i))}><Icon name="copy" /></button>
                <button type="button" class="icon" aria-label={`Remove ${name}${last}`} onClick={() => change(remove(i), last ? pathText(layersPath) : undefined)}><Icon name="remove" /></button>
              </span>}
            </li>
          );
        })}
      </ol>
      {!base && <button type="button" class="quiet" onClick={() => change(addAgent(job, list, layer, what, model), part(agents.length))}><Icon name="add" /> Add {what === 'agent' ? 'an agent' : 'a critic'}</button>}
    </div>
  );
}
