// What this browser remembers: for good only the ids of the jobs asked here, by conversation; the questions themselves
// only as long as the tab lives.
import { read, write } from './session';
import type { WirePreset } from './wire';

export interface Conversation {
  jobs: string[]; // oldest first
}

const idsKey = 'moa.conversations';
const askedPrefix = 'moa.asked.';
const conversationsMax = 100;

export function readConversations(): Conversation[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(idsKey) ?? '[]');
    if (!Array.isArray(stored)) return [];
    return stored
      .filter((one): one is string[] => Array.isArray(one) && one.length > 0 && one.every((id) => typeof id === 'string'))
      .map((jobs) => ({ jobs }));
  } catch {
    return [];
  }
}

function store(conversations: Conversation[]): void {
  try {
    localStorage.setItem(idsKey, JSON.stringify(conversations.slice(0, conversationsMax).map((one) => one.jobs)));
  } catch {
    // Full or switched off: the page works without.
  }
}

export const conversationOf = (id: string): Conversation =>
  readConversations().find((one) => one.jobs.includes(id)) ?? { jobs: [id] };

// A new job, after `follows` where it goes on from one. Going on from the middle begins a conversation of its own.
export function remember(id: string, follows: string | null): Conversation {
  const all = readConversations();
  const before = follows ? conversationOf(follows) : { jobs: [] };
  const at = follows ? before.jobs.indexOf(follows) : -1;
  const next = { jobs: [...before.jobs.slice(0, at + 1), id] };
  const replaced = at >= 0 && at === before.jobs.length - 1;
  store([next, ...all.filter((one) => !replaced || !one.jobs.includes(follows ?? ''))]);
  return next;
}

export function forget(conversation: Conversation): void {
  const last = conversation.jobs.at(-1);
  store(readConversations().filter((one) => one.jobs.at(-1) !== last));
  for (const id of conversation.jobs) write(askedPrefix + id, null);
}

// The job file that was sent.
export interface Asked {
  prompt: string;
  preset?: string;
  name?: string;
  moa?: WirePreset['moa'];
  follows?: string;
}

export const keepAsked = (id: string, asked: Asked): void => write(askedPrefix + id, JSON.stringify(asked));

export function askedOf(id: string): Asked | null {
  try {
    return JSON.parse(read(askedPrefix + id) ?? 'null') as Asked | null;
  } catch {
    return null;
  }
}
