// What was, is and, after steps back, would be again. Pure.
import type { JsonObject } from './tree';

const stepsMax = 200;
// Edits of one field that follow each other this closely are one step.
const togetherMs = 1500;

export interface Steps {
  past: JsonObject[]; // oldest first
  present: JsonObject;
  future: JsonObject[]; // next first
  key: string;
  at: number;
}

export const begin = (present: JsonObject): Steps => ({ past: [], present, future: [], key: '', at: 0 });

// `key` names what is being edited; empty: always a step of its own. `now` is in ms.
export function record(steps: Steps, next: JsonObject, key: string, now: number): Steps {
  if (next === steps.present) return steps;
  const same = key !== '' && key === steps.key && now - steps.at < togetherMs && steps.past.length > 0;
  const past = same ? steps.past : [...steps.past, steps.present].slice(-stepsMax);
  return { past, present: next, future: [], key, at: now };
}

export function undo(steps: Steps): Steps {
  const before = steps.past.at(-1);
  if (before === undefined) return steps;
  return { past: steps.past.slice(0, -1), present: before, future: [steps.present, ...steps.future], key: '', at: 0 };
}

export function redo(steps: Steps): Steps {
  const [after, ...future] = steps.future;
  if (after === undefined) return steps;
  return { past: [...steps.past, steps.present], present: after, future, key: '', at: 0 };
}
