// The MoAs that somebody made in this browser: the Builder's draft and those saved under a name. They stay here
// (localStorage) until they are deleted.
import { type JsonObject, isObject } from './builder/tree';
import { read, write } from './session';

export interface SavedMoa {
  name: string;
  job: JsonObject;
}

const savedKey = 'moa.builder.saved';
const draftKey = 'moa.builder.draft';

function stored(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

// False where the browser keeps nothing: full, or switched off.
function store(key: string, value: unknown): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

const isSaved = (one: unknown): one is SavedMoa =>
  typeof one === 'object' && one !== null && typeof (one as SavedMoa).name === 'string' && isObject((one as SavedMoa).job);

// By name.
export function savedMoas(): SavedMoa[] {
  const all = stored(savedKey);
  return Array.isArray(all) ? all.filter(isSaved) : [];
}

// In the place of what had that name.
export function saveMoa(name: string, job: JsonObject): boolean {
  const all = [...savedMoas().filter((one) => one.name !== name), { name, job }];
  return store(savedKey, all.sort((a, b) => a.name.localeCompare(b.name)));
}

export const deleteMoa = (name: string): boolean => store(savedKey, savedMoas().filter((one) => one.name !== name));

// What is being built; `name` is that of the saved one it came from.
export interface Draft {
  name: string;
  job: JsonObject;
}
export function readDraft(): Draft | null {
  const draft = stored(draftKey);
  return isSaved(draft) ? { name: draft.name, job: draft.job } : null;
}
export const keepDraft = (draft: Draft): boolean => store(draftKey, draft);

// What Chat asks with: a preset's name, or one of these.
export const draftChoice = 'draft:';
export const savedChoice = (name: string): string => `my:${name}`;
// The MoA of a choice and what it is called; null where the choice is a preset's name, or is no more.
export function customOf(choice: string): SavedMoa | null {
  if (choice === draftChoice) {
    const draft = readDraft();
    return draft && { name: draft.name || 'draft', job: draft.job };
  }
  return choice.startsWith('my:') ? (savedMoas().find((one) => savedChoice(one.name) === choice) ?? null) : null;
}

// A question on its way from the Builder to Chat.
let underWay = '';
export const bringQuestion = (question: string): void => void (underWay = question);
export function takeQuestion(): string {
  const question = underWay;
  underWay = '';
  return question;
}

// A job on its way to the Builder.
let jobUnderWay: JsonObject | null = null;
export const bringJob = (job: JsonObject): void => void (jobUnderWay = job);
export function takeJob(): JsonObject | null {
  const job = jobUnderWay;
  jobUnderWay = null;
  return job;
}

// Chat's choice, which lives as long as the tab.
const choiceKey = 'moa.preset';
export const chosenForChat = (): string | null => read(choiceKey);
export const chooseForChat = (choice: string): void => write(choiceKey, choice);
