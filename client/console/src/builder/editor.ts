// What the pieces of the Builder share: the job, its problems, and how it is changed.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { WireModel } from '../wire';
import type { Problem } from './places';
import type { Json, JsonObject, Path } from './tree';

export interface Editor {
  job: JsonObject;
  // Of a job that changes a preset: what holds where it says nothing, else null. Its layers and agents are the preset's.
  base: JsonObject | null;
  // The job as a whole, over its base: what there is to be shown.
  shape: JsonObject;
  problems: Problem[];
  models: WireModel[];
  model: string; // what a new agent begins with
  set: (path: Path, value: Json | undefined) => void;
  // A step of its own; `select` is the part that is shown then.
  change: (next: JsonObject, select?: string) => void;
  select: (part: string) => void;
}

export const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error('a field outside of the Builder');
  return editor;
}
