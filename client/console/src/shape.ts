// What a MoA is made of, in a line. Pure.
import { type JsonObject, itemsAt, valueAt } from './builder/tree';
import { count } from './format';
import type { WirePreset } from './wire';

export function shapeOf(preset: WirePreset): string {
  const layers = preset.moa?.layers ?? [];
  const answers = layers.reduce(
    (sum, layer) => sum + (layer.cycles ?? 1) * (layer.agents ?? []).reduce((agents, agent) => agents + (agent.samples ?? 1), 0),
    0,
  );
  const rounds = layers.reduce((sum, layer) => sum + (layer.cycles ?? 1), 0);
  const parts = [`${count(answers)} ${answers === 1 ? 'answer' : 'answers'}`, `${rounds} ${rounds === 1 ? 'layer' : 'layers'}`];
  parts.push(preset.moa?.answer === 'best' ? 'best one taken' : 'aggregated');
  return parts.join(' · ');
}

// Of a job that somebody is still working on: whatever stands there.
export function shapeOfJob(job: JsonObject): string {
  if (job.preset !== undefined) return `changes ${String(job.preset)}`;
  const layers = itemsAt(job, ['moa', 'layers']).map((layer) => ({ ...layer, agents: itemsAt(layer, ['agents']) }));
  return shapeOf({ name: '', moa: { layers, answer: valueAt(job, ['moa', 'answer']) } as WirePreset['moa'] });
}
