// A job file as JSON, and how one is changed. Pure: every edit makes a new tree that shares what did not change, so that
// fields which nobody knows here stay as they are.
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}
export type Path = readonly (string | number)[];

export const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

// "moa.layers[0].agents[2].model"
export const pathText = (path: Path): string =>
  path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step), '');

export const parsePath = (text: string): Path =>
  [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map((match) => (match[1] !== undefined ? Number(match[1]) : match[2]!));

export function valueAt(tree: Json | undefined, path: Path): Json | undefined {
  let value = tree;
  for (const step of path) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
    else if (isObject(value)) value = typeof step === 'string' && Object.hasOwn(value, step) ? value[step] : undefined;
    else return undefined;
  }
  return value;
}

// What is there as a list of mappings; what is something else counts as an empty one.
export function itemsAt(tree: Json | undefined, path: Path): JsonObject[] {
  const value = valueAt(tree, path);
  return Array.isArray(value) ? value.map((item) => (isObject(item) ? item : {})) : [];
}

// `value` at `path`; undefined takes the field away. Mappings and lists on the way are made where there are none.
export function withValue(tree: Json | undefined, path: Path, value: Json | undefined): Json | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list = Array.isArray(tree) ? [...tree] : [];
    while (list.length < step) list.push({});
    const next = withValue(list[step], rest, value);
    if (next === undefined) list.splice(step, 1);
    else list[step] = next;
    return list;
  }
  const mapping: JsonObject = isObject(tree) ? { ...tree } : {};
  const next = withValue(mapping[step], rest, value);
  if (next === undefined) delete mapping[step];
  else mapping[step] = next;
  return mapping;
}

function withList(tree: JsonObject, path: Path, edit: (list: Json[]) => void): JsonObject {
  const value = valueAt(tree, path);
  const list = Array.isArray(value) ? [...value] : [];
  edit(list);
  return withValue(tree, path, list) as JsonObject;
}

export const insertItem = (tree: JsonObject, list: Path, at: number, item: Json): JsonObject =>
  withList(tree, list, (items) => items.splice(at, 0, item));
export const removeItem = (tree: JsonObject, list: Path, at: number): JsonObject => withList(tree, list, (items) => items.splice(at, 1));
export const moveItem = (tree: JsonObject, list: Path, from: number, to: number): JsonObject =>
  withList(tree, list, (items) => {
    if (to < 0 || to >= items.length || from < 0 || from >= items.length) return;
    items.splice(to, 0, ...items.splice(from, 1));
  });

// `over` where it says something, else `under`: mappings field by field, lists of mappings item by item.
export function layered(over: Json | undefined, under: Json | undefined): Json | undefined {
  if (over === undefined) return under;
  if (isObject(over) && isObject(under)) {
    const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
    return Object.fromEntries([...keys].map((key) => [key, layered(over[key], under[key])]));
  }
  if (Array.isArray(over) && Array.isArray(under) && under.every(isObject)) {
    return Array.from({ length: Math.max(over.length, under.length) }, (_, i) => layered(over[i], under[i]) ?? {});
  }
  return over;
}

export const equal = (a: Json | undefined, b: Json | undefined): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
