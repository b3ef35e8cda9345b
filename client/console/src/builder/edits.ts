// What the Builder does to a job besides setting a field. Pure.
import { type Json, type JsonObject, type Path, insertItem, isObject, itemsAt, layered, removeItem, valueAt, withValue } from './tree';

export const layersPath: Path = ['moa', 'layers'];
export const layerPath = (layer: number): Path => [...layersPath, layer];
export const agentsPath = (layer: number): Path => [...layerPath(layer), 'agents'];
export const criticsPath = (layer: number): Path => [...layerPath(layer), 'critique', 'critics'];

// Optional parts that mean nothing when they are empty.
const hollow = new Set(['references', 'budget']);

// A field's new value; undefined: it is not said any more.
export function setField(job: JsonObject, path: Path, value: Json | undefined): JsonObject {
  const next = withValue(job, path, value) as JsonObject;
  const above = path.slice(0, -1);
  const holder = valueAt(next, above);
  const empty = value === undefined && isObject(holder) && Object.keys(holder).length === 0;
  return empty && hollow.has(String(above.at(-1))) ? (withValue(next, above, undefined) as JsonObject) : next;
}

// The names of a layer's agents, critics and router, which have to differ.
export function namesIn(job: JsonObject, layer: number): string[] {
  const router = valueAt(job, [...layerPath(layer), 'route', 'router']);
  return [...itemsAt(job, agentsPath(layer)), ...itemsAt(job, criticsPath(layer)), ...(isObject(router) ? [router] : [])].map((agent) => String(agent.name ?? ''));
}

// "planner" where nobody has that name, else "planner 2", …
export function freeName(wanted: string, taken: string[]): string {
  if (!taken.includes(wanted)) return wanted;
  const stem = wanted.replace(/ \d+$/, '');
  for (let i = 2; ; ++i) if (!taken.includes(`${stem} ${i}`)) return `${stem} ${i}`;
}

// The model that most of the job's agents have: a new agent begins with it.
export function usualModel(job: JsonObject, otherwise: string): string {
  const counts = new Map<string, number>();
  const visit = (value: Json | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (isObject(value)) {
      if (typeof value.model === 'string' && value.model) counts.set(value.model, (counts.get(value.model) ?? 0) + 1);
      Object.values(value).forEach(visit);
    }
  };
  visit(job.moa);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? otherwise;
}

export function addAgent(job: JsonObject, list: Path, layer: number, stem: string, model: string): JsonObject {
  const at = itemsAt(job, list).length;
  return insertItem(job, list, at, { name: freeName(`${stem} ${at + 1}`, namesIn(job, layer)), model });
}

// A copy behind the original, under a name of its own.
export function duplicateAgent(job: JsonObject, list: Path, layer: number, at: number): JsonObject {
  const agent = itemsAt(job, list)[at] ?? {};
  return insertItem(job, list, at + 1, { ...agent, name: freeName(String(agent.name ?? 'agent'), namesIn(job, layer)) });
}

export const addLayer = (job: JsonObject, at: number, model: string): JsonObject =>
  insertItem(job, layersPath, at, { agents: [{ name: 'agent 1', model }] });
export const duplicateLayer = (job: JsonObject, at: number): JsonObject => insertItem(job, layersPath, at + 1, itemsAt(job, layersPath)[at] ?? {});

// A layer without agents is none that can run, so the last one takes it along.
export function removeAgent(job: JsonObject, layer: number, at: number): JsonObject {
  return itemsAt(job, agentsPath(layer)).length > 1 ? removeItem(job, agentsPath(layer), at) : removeItem(job, layersPath, layer);
}
export function removeCritic(job: JsonObject, layer: number, at: number): JsonObject {
  return itemsAt(job, criticsPath(layer)).length > 1
    ? removeItem(job, criticsPath(layer), at)
    : (withValue(job, [...layerPath(layer), 'critique'], undefined) as JsonObject);
}

export type Group = 'critique' | 'route' | 'vote' | 'early_exit' | 'enough' | 'quorum';

// Switches an optional part of a layer on, with what it must have, or off.
export function setGroup(job: JsonObject, layer: number, group: Group, on: boolean, model: string): JsonObject {
  const agents = itemsAt(job, agentsPath(layer));
  const samples = agents.reduce((sum, agent) => sum + (Number(agent.samples) || 1), 0);
  const top = Number(valueAt(job, [...layerPath(layer), 'route', 'top'])) || samples;
  const most = Math.floor(Math.min(samples, top) / 2) + 1;
  const name = (wanted: string): string => freeName(wanted, namesIn(job, layer));
  const first: Record<Group, JsonObject> = {
    critique: { critics: [{ name: name('critic'), model }] },
    route: { router: { name: name('router'), model, max_completion_tokens: 400 }, top: Math.min(2, agents.length) },
    vote: { match: 'text' },
    early_exit: { match: 'text', min_agree: Math.max(2, most) },
    enough: { answers: most },
    quorum: { min: most },
  };
  return withValue(job, [...layerPath(layer), group], on ? first[group] : undefined) as JsonObject;
}

// Who gives the job's answer: an aggregator, or the best of the last layer.
export function setAnswer(job: JsonObject, best: boolean, model: string): JsonObject {
  const without = withValue(job, ['moa', best ? 'aggregator' : 'answer'], undefined) as JsonObject;
  return withValue(without, best ? ['moa', 'answer'] : ['moa', 'aggregator'], best ? 'best' : { model }) as JsonObject;
}

export const emptyJob = (model: string): JsonObject => ({
  moa: { layers: [{ agents: [{ name: 'agent 1', model }, { name: 'agent 2', model }] }], aggregator: { model } },
});

// What a job that changes a preset looks like as a whole, to be shown; what it will be is the server's to say.
export function shapeOf(job: JsonObject, preset: Json | undefined): JsonObject {
  if (!isObject(preset)) return job;
  const changes = isObject(job.moa) ? job.moa : {};
  const { answer, aggregator, ...rest } = preset;
  const under = changes.answer === undefined ? { ...rest, aggregator } : rest;
  const whole = changes.aggregator === undefined ? { ...under, answer } : under;
  const kept = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
  return { ...job, moa: layered(changes, kept) };
}

// A preset in place: its MoA written out, so that all of it can be changed.
export function writtenOut(job: JsonObject, moa: Json): JsonObject {
  const { preset: _, ...rest } = job;
  return { ...rest, moa };
}

// The same MoA for another question. What the job was tried with makes way.
export function askWith(job: JsonObject, name: string, prompt: string, follows: string | null): JsonObject & { prompt: string } {
  const { prompt: _prompt, messages: _messages, follows: _follows, ...rest } = job;
  return { ...(name ? { name } : {}), ...rest, prompt, ...(follows ? { follows } : {}) };
}

const standIn = 'The question stands here.';
// The job with a question where it has none yet: only then can it be checked and its prompts be shown.
export function checkable(job: JsonObject): JsonObject {
  const { prompt, messages } = job;
  if (Array.isArray(messages) && messages.length > 0) {
    const last = messages.at(-1);
    const asks = isObject(last) && (last.role === 'user' || last.role === 'tool');
    return asks ? job : { ...job, messages: [...messages, { role: 'user', content: standIn }] };
  }
  return messages === undefined && (prompt === undefined || prompt === '') ? { ...job, prompt: standIn } : job;
}
