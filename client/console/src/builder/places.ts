// Where in the Builder a field of the job is. A part is what the form shows at once, named by its path: "moa.layers[0]",
// "moa.layers[0].agents[1]", "moa.aggregator"; "" is the job around the MoA. Pure.
import { type JsonObject, type Path, parsePath, pathText, valueAt } from './tree';

export interface Problem {
  path: string;
  message: string;
  line?: number;
}

// "moa.layers[0].agents[1].model: it is an alias", as the server's warnings are.
export function problemOf(warning: string): Problem {
  const split = /^([a-z_]+(?:\[\d+\]|\.[a-z_]+)*): (.*)$/s.exec(warning);
  return split ? { path: split[1]!, message: split[2]! } : { path: '', message: warning };
}

const below = (path: string, above: string): boolean =>
  above === '' || path === above || (path.startsWith(above) && (path[above.length] === '.' || path[above.length] === '['));

// The part whose form has the field.
export function partOf(text: string): string {
  const path = parsePath(text);
  if (path[0] !== 'moa') return '';
  if (path[1] === 'aggregator') return 'moa.aggregator';
  if (path[1] !== 'layers') return 'moa';
  if (typeof path[2] !== 'number') return 'moa';
  const layer: Path = path.slice(0, 3);
  if (path[3] === 'agents' && typeof path[4] === 'number') return pathText(path.slice(0, 5));
  if (path[3] === 'critique' && path[4] === 'critics' && typeof path[5] === 'number') return pathText(path.slice(0, 6));
  if (path[3] === 'route' && path[4] === 'router') return pathText(path.slice(0, 5));
  return pathText(layer);
}

// The nearest part that is still there: what was selected may have been removed, or undone.
export function livePart(job: JsonObject, part: string): string {
  for (let path = parsePath(part); path.length > 0; path = path.slice(0, -1)) {
    const text = pathText(path);
    if (partOf(text) === text && valueAt(job, path) !== undefined) return text;
  }
  return part === '' ? '' : 'moa';
}

export const problemsAt = (problems: Problem[], field: string): Problem[] => problems.filter((one) => field !== '' && below(one.path, field));
export const problemsOfPart = (problems: Problem[], part: string): Problem[] => problems.filter((one) => partOf(one.path) === part);
// Those that no field of the part shows: they stand at its head.
export const problemsBeside = (problems: Problem[], part: string, fields: string[]): Problem[] =>
  problemsOfPart(problems, part).filter((one) => !fields.some((field) => below(one.path, field)));

export const fieldId = (path: string): string => `field:${path}`;
