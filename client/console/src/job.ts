// A job as this page shows it, folded from its events. Pure: events and the time in, state out; what changed is told
// through `touched`, so that a view redraws the agents that moved and nothing else.
import type { JobState, WireError, WireJob, WireJobFile, WireLayer, WireTask, WireUsage } from './wire';

export type TaskState = 'WAITING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'SKIPPED';

export interface Task {
  key: string;
  agent: string;
  sample: number;
  kind: string;
  model: string;
  state: TaskState;
  attempt: number;
  content: string;
  reasoning: string;
  contentBytes: number;
  reasoningBytes: number;
  // The last characters of what grows, for who shows no more: a text put together out of a thousand pieces is expensive to
  // cut a piece off, in every frame.
  tail: string;
  // On the job's clock, in ms since it was accepted.
  began: number | null;
  ended: number | null;
  result: WireTask | null;
}

export interface Stage {
  key: string;
  layer: number;
  round: number;
  kind: string;
  notes: string[];
  tasks: Task[];
}

export interface JobView {
  id: string;
  state: JobState;
  sequence: number;
  acceptedAt: number | null; // ms since the epoch, of the first event
  stages: Stage[];
  degradations: string[];
  error: WireError | null;
  usage: WireUsage | null;
  latencyMs: number | null;
  criticalPathMs: number | null;
  answer: string | null; // once it is certain
  asked: WireJobFile | null; // once it is known
  follows: string | null;
}

// One event of GET /v1/jobs/{id}/events.
export interface JobUpdate {
  type: string;
  sequence?: number;
  time?: string;
  [field: string]: unknown;
}

export const newJob = (id: string): JobView => ({
  id,
  state: 'QUEUED',
  sequence: 0,
  acceptedAt: null,
  stages: [],
  degradations: [],
  error: null,
  usage: null,
  latencyMs: null,
  criticalPathMs: null,
  answer: null,
  asked: null,
  follows: null,
});

export const hasEnded = (state: string): boolean => state === 'SUCCEEDED' || state === 'FAILED' || state === 'CANCELLED';

const stageKey = (layer: number, round: number, kind: string): string => `${layer}/${round}/${kind}`;
export const taskName = (task: { agent: string; sample: number }): string =>
  (task.agent || 'agent') + (task.sample > 0 ? ` #${task.sample + 1}` : '');

function stageOf(job: JobView, layer: number, round: number, kind: string): Stage {
  const key = stageKey(layer, round, kind);
  let stage = job.stages.find((one) => one.key === key);
  if (!stage) {
    stage = { key, layer, round, kind, notes: [], tasks: [] };
    job.stages.push(stage);
  }
  return stage;
}

function taskOf(job: JobView, wire: WireTask, layer: number, round: number, kind: string): Task {
  const stage = stageOf(job, layer, round, kind);
  const sample = wire.sample ?? 0;
  const key = `${stage.key}/${wire.agent}/${sample}`;
  let task = stage.tasks.find((one) => one.key === key);
  if (!task) {
    task = {
      key, agent: wire.agent, sample, kind, model: wire.model ?? '', state: 'WAITING', attempt: 0, content: '', reasoning: '',
      contentBytes: 0, reasoningBytes: 0, tail: '', began: null, ended: null, result: null,
    };
    stage.tasks.push(task);
  }
  return task;
}

// The fields of a task's id: beside the others, or in an object of their own.
function idOf(update: JobUpdate): WireTask {
  const nested = update.task;
  return (typeof nested === 'object' && nested !== null ? { ...update, ...nested } : update) as unknown as WireTask;
}

const encoder = new TextEncoder();

// Of a text in UTF-8. Counted: to encode thousands of small pieces a second takes a hundred times as long.
export function bytesOf(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; ++i) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    const isPair = (unit & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) ++i; // four bytes for two units
  }
  return bytes;
}

// `text` continued by a piece that begins at byte `offset`. A piece from 0 replaces all, for it is the whole text so far;
// what is there already is cut off the piece, which leaves `added`.
export function join(text: string, bytes: number, offset: number, piece: string): { text: string; bytes: number; added: string } {
  if (offset === 0) return { text: piece, bytes: bytesOf(piece), added: piece };
  if (offset >= bytes) return { text: text + piece, bytes: offset + bytesOf(piece), added: piece };
  const encoded = encoder.encode(piece);
  if (offset + encoded.length <= bytes) return { text, bytes, added: '' };
  const added = new TextDecoder().decode(encoded.subarray(bytes - offset));
  return { text: text + added, bytes: offset + encoded.length, added };
}

const noText = { content: '', reasoning: '', contentBytes: 0, reasoningBytes: 0, tail: '' };
const tailCharacters = 400;
const tailOf = (tail: string, added: string): string => (tail + added).slice(-tailCharacters);

// More text of a task. The answer, once there is any, goes before the reasoning.
function grow(task: Task, id: WireTask, update: JobUpdate): void {
  if (id.reasoning) {
    const offset = Number(update.reasoning_offset ?? task.reasoningBytes);
    const { text, bytes, added } = join(task.reasoning, task.reasoningBytes, offset, id.reasoning);
    Object.assign(task, { reasoning: text, reasoningBytes: bytes });
    if (!task.content) task.tail = tailOf(offset === 0 ? '' : task.tail, added);
  }
  if (id.content) {
    const offset = Number(update.content_offset ?? task.contentBytes);
    const { text, bytes, added } = join(task.content, task.contentBytes, offset, id.content);
    task.tail = tailOf(offset === 0 || !task.content ? '' : task.tail, added);
    Object.assign(task, { content: text, contentBytes: bytes });
  }
}

function finish(task: Task, wire: WireTask, at: number | null): void {
  task.result = { ...(task.result ?? { agent: task.agent }), ...wire };
  task.state = (wire.state as TaskState | undefined) ?? 'SUCCEEDED';
  if (wire.model) task.model = wire.model;
  if (typeof wire.content === 'string' && (wire.content || task.state === 'SUCCEEDED')) {
    task.content = wire.content;
    task.contentBytes = bytesOf(wire.content);
  }
  if (wire.reasoning) task.reasoning = wire.reasoning;
  task.attempt = wire.attempts ?? task.attempt;
  if (at !== null && task.ended === null) task.ended = at;
  if (task.ended !== null && wire.run_ms) task.began = Math.max(0, task.ended - wire.run_ms);
}

// What the page shows is the job's clock: the events' own where they carry a time, else the time they came at.
function clockOf(job: JobView, update: JobUpdate, now: number): number | null {
  const stamp = typeof update.time === 'string' ? Date.parse(update.time) : NaN;
  const at = Number.isNaN(stamp) ? now : stamp;
  if (job.acceptedAt === null) job.acceptedAt = at;
  return Math.max(0, at - job.acceptedAt);
}

// Applies one event; returns the keys of what has to be drawn anew ("" stands for the job as a whole). `now` is in ms
// since the epoch.
export function apply(job: JobView, update: JobUpdate, now: number): string[] {
  const sequence = typeof update.sequence === 'number' ? update.sequence : 0;
  if (sequence > 0) {
    if (sequence <= job.sequence) return [];
    job.sequence = sequence;
  }
  const at = clockOf(job, update, now);
  switch (update.type) {
    case 'accepted':
      return [''];
    case 'layer_started': {
      job.state = 'RUNNING';
      const { layer, round, kind } = update as unknown as WireLayer;
      const stage = stageOf(job, layer, round, kind || 'propose');
      stage.notes = (update.notes as string[] | undefined) ?? stage.notes;
      const tasks = (update.tasks ?? update.agents ?? []) as WireTask[];
      for (const task of tasks) taskOf(job, task, layer, round, stage.kind);
      return [''];
    }
    case 'task_started': {
      const id = idOf(update);
      const stages = job.stages.length;
      const task = taskOf(job, id, id.layer ?? 0, id.round ?? 1, id.kind || 'propose');
      const attempt = id.attempt ?? 1;
      if (task.result || attempt < task.attempt) return [];
      if (attempt > task.attempt) Object.assign(task, noText);
      Object.assign(task, { state: 'RUNNING', attempt, began: at });
      if (id.model) task.model = id.model;
      return stages === job.stages.length && job.state === 'RUNNING' ? [task.key] : ((job.state = 'RUNNING'), ['', task.key]);
    }
    case 'task_delta': {
      const id = idOf(update);
      const task = taskOf(job, id, id.layer ?? 0, id.round ?? 1, id.kind || 'propose');
      const attempt = id.attempt ?? 1;
      if (task.result || attempt < task.attempt) return [];
      if (attempt > task.attempt) Object.assign(task, noText, { attempt });
      if (task.state === 'WAITING') Object.assign(task, { state: 'RUNNING', began: at });
      grow(task, id, update);
      return [task.key];
    }
    case 'task_finished': {
      const id = idOf(update);
      const task = taskOf(job, id, id.layer ?? 0, id.round ?? 1, id.kind || 'propose');
      finish(task, id, at);
      return [task.key, ''];
    }
    case 'degraded':
      job.degradations.push(String(update.reason ?? 'an agent’s answer was lost'));
      return [''];
    case 'ended':
      job.state = (update.state as JobState | undefined) ?? 'SUCCEEDED';
      job.error = (update.error as WireError | undefined) ?? null;
      job.usage = (update.usage as WireUsage | undefined) ?? null;
      job.latencyMs = (update.latency_ms as number | undefined) ?? at;
      job.criticalPathMs = (update.critical_path_ms as number | undefined) ?? null;
      return ['', ...settle(job)];
    default:
      return [];
  }
}

// Nothing runs any more once a job has ended.
function settle(job: JobView): string[] {
  const touched: string[] = [];
  for (const task of job.stages.flatMap((stage) => stage.tasks)) {
    if (task.state !== 'RUNNING' && task.state !== 'WAITING') continue;
    task.state = task.state === 'RUNNING' ? 'CANCELLED' : 'SKIPPED';
    touched.push(task.key);
  }
  return touched;
}

// Takes over what a stored job says: shares of the answer, costs, everything that is computed when it is read.
export function merge(job: JobView, wire: WireJob): void {
  job.asked = wire.job ?? job.asked;
  job.follows = wire.follows ?? job.follows;
  if (!hasEnded(job.state) || hasEnded(wire.state)) job.state = wire.state;
  job.degradations = wire.degradations ?? job.degradations;
  job.error = wire.error ?? job.error;
  job.usage = wire.usage ?? job.usage;
  if (hasEnded(wire.state)) {
    job.latencyMs = wire.latency_ms ?? job.latencyMs;
    job.criticalPathMs = wire.critical_path_ms ?? job.criticalPathMs;
  }
  if (wire.state === 'SUCCEEDED') job.answer = wire.answer ?? job.answer;
  for (const layer of wire.layers ?? []) {
    const kind = layer.kind || 'propose';
    const stage = stageOf(job, layer.layer, layer.round, kind);
    stage.notes = layer.notes ?? stage.notes;
    for (const agent of layer.agents) {
      const task = taskOf(job, agent, layer.layer, layer.round, kind);
      if (agent.state && !['RUNNING', 'WAITING', 'QUEUED', 'PENDING', 'UNSPECIFIED'].includes(agent.state)) finish(task, agent, null);
    }
  }
  if (hasEnded(job.state)) settle(job);
}

// What was asked last; null where it is not known, or no text.
export const promptOf = (asked: WireJobFile | null): string | null =>
  asked?.prompt ?? [...(asked?.messages ?? [])].reverse().find((message) => message.role === 'user')?.content ?? null;

export const tasksOf = (job: JobView): Task[] => job.stages.flatMap((stage) => stage.tasks);
const aggregatorOf = (job: JobView): Task | undefined => job.stages.filter((stage) => stage.kind === 'aggregate').at(-1)?.tasks[0];

// The answer as far as it is there.
export function answerOf(job: JobView): string {
  return job.answer ?? aggregatorOf(job)?.content ?? '';
}

export function stageTitle(stage: Stage, stages: Stage[]): string {
  if (stage.kind === 'aggregate') return 'Aggregator';
  const rounds = stages.some((one) => one.layer === stage.layer && one.round > 1);
  const what = stage.kind === 'critique' ? 'Critics of layer' : stage.kind === 'route' ? 'Router of layer' : 'Layer';
  return `${what} ${stage.layer}${rounds ? `, round ${stage.round}` : ''}`;
}
