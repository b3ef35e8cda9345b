// Where two values of JSON differ. Pure.

export interface Difference {
  path: string; // "moa.layers[0].agents[1].temperature"
  left: string | null; // null: it is not there
  right: string | null;
}

function flatten(value: unknown, path: string, out: Map<string, string>): void {
  if (Array.isArray(value)) {
    if (value.length === 0) out.set(path, '[]');
    value.forEach((item, index) => flatten(item, `${path}[${index}]`, out));
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) out.set(path, '{}');
    for (const [key, item] of entries) flatten(item, path ? `${path}.${key}` : key, out);
  } else {
    out.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  }
}

// In the order of the left one, what only the right one has at the end.
export function differences(left: unknown, right: unknown): Difference[] {
  const before = new Map<string, string>();
  const after = new Map<string, string>();
  flatten(left, '', before);
  flatten(right, '', after);
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((path) => ({ path, left: before.get(path) ?? null, right: after.get(path) ?? null }))
    .filter((one) => one.left !== one.right);
}
