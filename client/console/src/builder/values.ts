// Between what a person types and what a job file holds. Pure.
import type { Json } from './tree';

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

// Numbers that JavaScript holds exactly become numbers; what is none stays text, for the server to judge.
export function numberOf(text: string): Json | undefined {
  const typed = text.trim();
  if (typed === '') return undefined;
  const value = Number(typed);
  return jsonNumber.test(typed) && Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : typed;
}

export const linesOf = (text: string): Json | undefined => {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.length ? lines : undefined;
};
export const namesOf = (text: string): Json | undefined => {
  const names = text.split(',').map((name) => name.trim()).filter(Boolean);
  return names.length ? names : undefined;
};

// What a field shows for a value of any type.
export function shown(value: Json | undefined, between = ', '): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => shown(item)).join(between);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
