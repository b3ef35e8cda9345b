// Where the parts of a MoA stand in its drawing. Pure: a job in, boxes and lines out, in pixels.
import { agentsPath, criticsPath, layerPath, layersPath } from './edits';
import { type JsonObject, type Path, isObject, itemsAt, pathText, valueAt } from './tree';

export interface Box {
  part: string;
  kind: 'question' | 'router' | 'agent' | 'critic' | 'aggregator' | 'best' | 'more';
  title: string;
  note: string;
  x: number;
  y: number;
}

export interface Frame {
  part: string;
  title: string;
  notes: string[];
  x: number;
  y: number;
  width: number;
  height: number;
  loop: string; // "× 3"; empty: runs once
}

export interface Graph {
  width: number;
  height: number;
  boxes: Box[];
  frames: Frame[];
  lines: string[]; // paths of SVG
}

export const boxWidth = 156;
export const boxHeight = 46;
const rowGap = 8;
const columnGap = 40;
const framePad = 12;
export const frameHead = 46;
const framePadBelow = 12;
const loopHeight = 14;
// More agents than this are drawn as a number.
const shownMax = 12;

type Draft = Omit<Box, 'x' | 'y'>;

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

function agentBox(agent: JsonObject, path: Path, kind: Box['kind'], otherwise: string): Draft {
  const samples = Number(agent.samples);
  const temperature = text(agent.temperature);
  const title = text(agent.name) || otherwise;
  const note = [text(agent.model) || 'no model', temperature ? `t ${temperature}` : ''].filter(Boolean).join(' · ');
  return { part: pathText(path), kind, title: samples > 1 ? `${title} × ${samples}` : title, note };
}

function listOf(job: JsonObject, path: Path, kind: Box['kind'], layer: string): Draft[] {
  const all = itemsAt(job, path).map((agent, i) => agentBox(agent, [...path, i], kind, `${kind} ${i + 1}`));
  if (all.length <= shownMax) return all;
  const shown = all.slice(0, shownMax - 1);
  return [...shown, { part: layer, kind: 'more', title: `${all.length - shown.length} more`, note: 'in the layer’s list' }];
}

const layerNotes = (layer: JsonObject): string[] => {
  const group = (name: string): JsonObject | null => (isObject(layer[name]) ? (layer[name] as JsonObject) : null);
  const notes: string[] = [];
  const route = group('route');
  if (route) notes.push(`top ${text(route.top) || '?'}`);
  const quorum = group('quorum');
  if (quorum) notes.push(`quorum ${text(quorum.min) || '?'}`);
  const enough = group('enough');
  if (enough) notes.push(`enough ${text(enough.answers) || '?'}`);
  if (group('vote')) notes.push('vote');
  if (group('early_exit')) notes.push('early exit');
  const critique = group('critique');
  if (critique) notes.push(Number(critique.rounds) > 1 ? `≤ ${text(critique.rounds)} rounds` : 'critics');
  return notes;
};

// Every box of one column to every box of the next, through one point between them.
function bundle(from: Box[], to: Box[], middle: number): string[] {
  const lines: string[] = [];
  const right = Math.max(...from.map((box) => box.x)) + boxWidth;
  const left = Math.min(...to.map((box) => box.x));
  const at = (right + left) / 2;
  const half = boxHeight / 2;
  const curve = (x1: number, y1: number, x2: number, y2: number): string => {
    const bend = (x1 + x2) / 2;
    return `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`;
  };
  for (const box of from) lines.push(curve(box.x + boxWidth, box.y + half, at, middle));
  for (const box of to) lines.push(curve(at, middle, box.x, box.y + half));
  return lines;
}

export function drawn(job: JsonObject): Graph {
  const layers = itemsAt(job, layersPath);
  // Columns of boxes, each with the layer it belongs to.
  const columns: { boxes: Draft[]; layer: number }[] = [];
  columns.push({ boxes: [{ part: '', kind: 'question', title: 'Question', note: 'and limits' }], layer: -1 });
  layers.forEach((layer, i) => {
    const part = pathText(layerPath(i));
    const router = valueAt(layer, ['route', 'router']);
    if (isObject(router)) columns.push({ boxes: [agentBox(router, [...layerPath(i), 'route', 'router'], 'router', 'router')], layer: i });
    columns.push({ boxes: listOf(job, agentsPath(i), 'agent', part), layer: i });
    const critics = listOf(job, criticsPath(i), 'critic', part);
    if (critics.length) columns.push({ boxes: critics, layer: i });
  });
  const aggregator = valueAt(job, ['moa', 'aggregator']);
  const last: Draft = isObject(aggregator)
    ? agentBox(aggregator, ['moa', 'aggregator'], 'aggregator', 'aggregator')
    : { part: 'moa', kind: 'best', title: valueAt(job, ['moa', 'answer']) === 'best' ? 'Best answer' : 'No aggregator', note: 'of the last layer' };
  columns.push({ boxes: [last], layer: -1 });

  const rows = Math.max(1, ...columns.map((column) => column.boxes.length));
  const tallest = rows * (boxHeight + rowGap) - rowGap;
  const top = layers.length ? frameHead + 2 : 12;
  const middle = top + tallest / 2;
  const foot = framePadBelow + (layers.some((layer) => Number(layer.cycles) > 1) ? loopHeight : 0);
  const graph: Graph = { width: 0, height: top + tallest + foot + 6, boxes: [], frames: [], lines: [] };
  let x = 8;
  let before: Box[] = [];
  columns.forEach((column, i) => {
    const opens = column.layer >= 0 && columns[i - 1]?.layer !== column.layer;
    const closes = column.layer >= 0 && columns[i + 1]?.layer !== column.layer;
    if (opens) x += framePad;
    const height = column.boxes.length * (boxHeight + rowGap) - rowGap;
    const boxes = column.boxes.map((box, row) => ({ ...box, x, y: middle - height / 2 + row * (boxHeight + rowGap) }));
    if (before.length && boxes.length) graph.lines.push(...bundle(before, boxes, middle));
    if (boxes.length) before = boxes;
    graph.boxes.push(...boxes);
    if (opens) graph.frames.push(frameOf(layers[column.layer] ?? {}, column.layer, x - framePad, tallest + foot));
    x += boxWidth;
    const frame = graph.frames.at(-1);
    if (closes && frame) frame.width = (x += framePad) - frame.x;
    x += i === columns.length - 1 ? 8 : columnGap;
  });
  graph.width = x;
  return graph;
}

function frameOf(layer: JsonObject, index: number, x: number, inside: number): Frame {
  const cycles = Number(layer.cycles);
  return {
    part: pathText(layerPath(index)),
    title: `Layer ${index + 1}`,
    notes: layerNotes(layer),
    x,
    y: 2,
    width: 0,
    height: frameHead + inside,
    loop: cycles > 1 ? `${cycles} cycles` : '',
  };
}
