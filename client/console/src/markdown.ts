// A small Markdown reader for what models write. Its output is a tree of plain nodes that become elements one by one;
// no text is ever read as HTML, so that nothing a model says can become a tag, an attribute or a script. Links lead to
// http and https only; images are shown as links. Time is linear in the text's length: every search has an end that
// moves forwards or a bound.

export type Inline =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string }
  | { type: 'break' }
  | { type: 'strong' | 'em' | 'del'; children: Inline[] }
  | { type: 'link'; href: string; children: Inline[] };

export type Block =
  | { type: 'paragraph'; children: Inline[] }
  | { type: 'heading'; level: number; children: Inline[] }
  | { type: 'code'; language: string; text: string }
  | { type: 'rule' }
  | { type: 'quote'; children: Block[] }
  | { type: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { type: 'table'; align: ('left' | 'right' | 'center' | '')[]; head: Inline[][]; rows: Inline[][][] };

const depthMax = 12;
const linkTextMax = 1000;

// The address if it may be followed, else null.
export function safeHref(raw: string): string | null {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f-\u00a0\u200b-\u200f\u2028-\u202f\u2066-\u2069]/.test(raw)) return null;
  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  if (url.username || url.password) return null; // "https://bank.example@elsewhere"
  return url.href;
}

const escapable = /[\\`*_{}[\]()#+\-.!~|<>"'$&,/:;=?@^%]/;
const wordCharacter = /[\p{L}\p{N}]/u;

// Pairs that open and close with the same mark. The last place of each mark tells whether it is worth a search, and a
// search that failed is not made again from further on: closes may only be found later than where it began.
export function parseInline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain) out.push({ type: 'text', text: plain });
    plain = '';
  };
  const none = new Set<string>(); // marks without a close from here on
  let i = 0;
  while (i < text.length) {
    const c = text[i]!;
    if (c === '\\' && escapable.test(text[i + 1] ?? '')) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    if (c === '\\' && text[i + 1] === '\n') {
      flush();
      out.push({ type: 'break' });
      i += 2;
      continue;
    }
    if (c === '\n') {
      const hard = plain.endsWith('  ');
      while (plain.endsWith(' ')) plain = plain.slice(0, -1);
      if (hard) {
        flush();
        out.push({ type: 'break' });
      } else plain += '\n';
      i += 1;
      continue;
    }
    if (c === '`') {
      let ticks = 1;
      while (text[i + ticks] === '`') ticks += 1;
      const mark = '`'.repeat(ticks);
      const close = none.has(mark) ? -1 : closingTicks(text, i + ticks, ticks);
      if (close < 0) {
        none.add(mark);
        plain += mark;
        i += ticks;
        continue;
      }
      flush();
      const code = text.slice(i + ticks, close).replace(/\n/g, ' ');
      const padded = code.startsWith(' ') && code.endsWith(' ') && code.trim() !== '';
      out.push({ type: 'code', text: padded ? code.slice(1, -1) : code });
      i = close + ticks;
      continue;
    }
    if ((c === '[' || (c === '!' && text[i + 1] === '[')) && depth < depthMax && !none.has('](')) {
      const open = c === '!' ? i + 1 : i;
      const link = linkAt(text, open);
      if (link === 'none') none.add('](');
      else if (link) {
        flush();
        const href = safeHref(link.target);
        const label = c === '!' ? link.label || 'image' : link.label;
        const children = parseInline(label, depth + 1).flatMap((one) => (one.type === 'link' ? one.children : [one]));
        if (href) out.push({ type: 'link', href, children: children.length ? children : [{ type: 'text', text: href }] });
        else out.push(...children);
        i = link.end;
        continue;
      }
    }
    if (c === '<' || c === 'h') {
      const match = c === '<' ? /^<(https?:\/\/[^\s<>]{1,2000})>/i.exec(text.slice(i, i + 2050))
        : !wordCharacter.test(text[i - 1] ?? '') ? /^https?:\/\/[^\s<>"'`]{1,2000}/.exec(text.slice(i, i + 2050)) : null;
      if (match) {
        const raw = c === '<' ? match[1]! : trimAddress(match[0]);
        const href = safeHref(raw);
        if (href) {
          flush();
          out.push({ type: 'link', href, children: [{ type: 'text', text: raw }] });
          i += c === '<' ? match[0].length : raw.length;
          continue;
        }
      }
    }
    if ((c === '*' || c === '_' || c === '~') && depth < depthMax) {
      const length = text[i + 1] === c ? 2 : 1;
      const mark = c.repeat(length);
      const after = text[i + length] ?? ' ';
      const inWord = c === '_' && wordCharacter.test(text[i - 1] ?? '');
      if (!(c === '~' && length === 1) && !/\s/.test(after) && !inWord && !none.has(mark)) {
        const close = closingMark(text, i + length, mark);
        if (close < 0) none.add(mark);
        else {
          flush();
          out.push({
            type: c === '~' ? 'del' : length === 2 ? 'strong' : 'em',
            children: parseInline(text.slice(i + length, close), depth + 1),
          });
          i = close + length;
          continue;
        }
      }
      plain += mark;
      i += length;
      continue;
    }
    plain += c;
    i += 1;
  }
  flush();
  return out;
}

const trimAddress = (raw: string): string => {
  let end = raw.length;
  while (end > 0 && /[.,;:!?)\]*_~]/.test(raw[end - 1]!)) {
    if (raw[end - 1] === ')' && raw.slice(0, end).includes('(')) break;
    end -= 1;
  }
  return raw.slice(0, end);
};

function closingTicks(text: string, from: number, ticks: number): number {
  for (let at = text.indexOf('`', from); at >= 0; ) {
    let length = 1;
    while (text[at + length] === '`') length += 1;
    if (length === ticks) return at;
    at = text.indexOf('`', at + length);
  }
  return -1;
}

function closingMark(text: string, from: number, mark: string): number {
  const c = mark[0]!;
  for (let at = from; at < text.length; ++at) {
    if (text[at] === '\\') {
      at += 1;
      continue;
    }
    if (text[at] === '`') {
      const end = text.indexOf('`', at + 1);
      if (end > 0 && end - at < 500) at = end;
      continue;
    }
    if (text[at] !== c) continue;
    let length = 1;
    while (text[at + length] === c) length += 1;
    const closes = mark.length === 2 ? length >= 2 : length === 1 || length === 3;
    const before = text[at - 1] ?? ' ';
    const inWord = c === '_' && wordCharacter.test(text[at + length] ?? '');
    if (closes && at > from && !/\s/.test(before) && !inWord) return mark.length === 2 && length === 3 ? at + 1 : at;
    at += length - 1;
  }
  return -1;
}

// [label](target "title") at `open`; 'none' where no link can follow any more.
function linkAt(text: string, open: number): { label: string; target: string; end: number } | null | 'none' {
  const first = text.indexOf('](', open);
  if (first < 0) return 'none';
  if (first - open > linkTextMax) return null;
  let depth = 0;
  let close = -1;
  for (let at = open; at < text.length && at - open < linkTextMax; ++at) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') depth += 1;
    else if (text[at] === ']' && --depth === 0) {
      close = at;
      break;
    }
  }
  if (close < 0 || text[close + 1] !== '(') return null;
  const rest = text.slice(close + 2, close + 2 + linkTextMax);
  const match = /^\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(rest);
  if (!match) return null;
  return { label: text.slice(open + 1, close), target: match[1] ?? match[2] ?? '', end: close + 2 + match[0].length };
}

const listItem = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)(.*)$/;
const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const heading = /^ {0,3}(#{1,6})(?= |$)/;
const rule = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;

const cells = (line: string): string[] => {
  const out: string[] = [];
  let cell = '';
  const body = line.trim().replace(/^\|/, '');
  for (let i = 0; i < body.length; ++i) {
    if (body[i] === '\\' && body[i + 1] === '|') {
      cell += '|';
      i += 1;
    } else if (body[i] === '|') {
      out.push(cell);
      cell = '';
    } else cell += body[i];
  }
  if (cell.trim() || out.length === 0) out.push(cell);
  return out.map((cell) => cell.trim());
};

const isDelimiter = (line: string): boolean => line.includes('-') && cells(line).every((cell) => /^:?-+:?$/.test(cell));

// "Title ##" without what closes it.
function headingText(line: string, marks: string): string {
  const text = line.trim().slice(marks.length).trim();
  let end = text.length;
  while (end > 0 && text[end - 1] === '#') end -= 1;
  return end === 0 || text[end - 1] === ' ' ? text.slice(0, end).trim() : text;
}

export function parseMarkdown(text: string): Block[] {
  return parseLines(text.replace(/\r\n?/g, '\n').replace(/\t/g, '    ').split('\n'), 0);
}

function parseLines(lines: string[], depth: number): Block[] {
  const out: Block[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length) out.push({ type: 'paragraph', children: parseInline(paragraph.join('\n').trim()) });
    paragraph = [];
  };
  let i = 0;
  while (i < lines.length) {
    const line = lines[i]!;
    if (!line.trim()) {
      flush();
      i += 1;
      continue;
    }
    const opening = fence.exec(line);
    if (opening) {
      flush();
      const mark = opening[1]!;
      const indent = line.length - line.trimStart().length;
      const body: string[] = [];
      for (i += 1; i < lines.length; ++i) {
        const closing = /^ {0,3}(`{3,}|~{3,}) *$/.exec(lines[i]!);
        if (closing && closing[1]![0] === mark[0] && closing[1]!.length >= mark.length) break;
        body.push(lines[i]!.replace(new RegExp(`^ {0,${indent}}`), ''));
      }
      i += 1;
      out.push({ type: 'code', language: line.trim().slice(mark.length).trim().slice(0, 40).split(' ')[0]!, text: body.join('\n') });
      continue;
    }
    const title = heading.exec(line);
    if (title) {
      flush();
      out.push({ type: 'heading', level: title[1]!.length, children: parseInline(headingText(line, title[1]!)) });
      i += 1;
      continue;
    }
    if (rule.test(line)) {
      flush();
      out.push({ type: 'rule' });
      i += 1;
      continue;
    }
    if (/^ {0,3}>/.test(line) && depth < depthMax) {
      flush();
      const body: string[] = [];
      for (; i < lines.length && /^ {0,3}>/.test(lines[i]!); ++i) body.push(lines[i]!.replace(/^ {0,3}> ?/, ''));
      out.push({ type: 'quote', children: parseLines(body, depth + 1) });
      continue;
    }
    if (listItem.test(line) && depth < depthMax) {
      flush();
      const { block, next } = listAt(lines, i, depth);
      out.push(block);
      i = next;
      continue;
    }
    if (line.includes('|') && paragraph.length === 0 && isDelimiter(lines[i + 1] ?? '')) {
      const head = cells(line);
      const marks = cells(lines[i + 1]!);
      if (head.length === marks.length) {
        const align = marks.map((mark) => (/^:.*:$/.test(mark) ? 'center' : /:$/.test(mark) ? 'right' : /^:/.test(mark) ? 'left' : ''));
        const rows: Inline[][][] = [];
        for (i += 2; i < lines.length && lines[i]!.trim() && lines[i]!.includes('|'); ++i) {
          const row = cells(lines[i]!);
          rows.push(head.map((_, column) => parseInline(row[column] ?? '')));
        }
        out.push({ type: 'table', align: align as ('left' | 'right' | 'center' | '')[], head: head.map((cell) => parseInline(cell)), rows });
        continue;
      }
    }
    paragraph.push(line.trimStart());
    i += 1;
  }
  flush();
  return out;
}

function listAt(lines: string[], from: number, depth: number): { block: Block; next: number } {
  const first = listItem.exec(lines[from]!)!;
  const ordered = /\d/.test(first[2]!);
  const kind = first[2]!.at(-1);
  const items: Block[][] = [];
  let i = from;
  while (i < lines.length) {
    const match = listItem.exec(lines[i]!);
    if (!match || match[2]!.at(-1) !== kind || rule.test(lines[i]!)) break;
    const indent = match[1]!.length + match[2]!.length + (match[3]!.length > 4 ? 1 : Math.max(1, match[3]!.length));
    const body = [match[4]!];
    for (i += 1; i < lines.length; ++i) {
      const line = lines[i]!;
      const inner = line.length - line.trimStart().length;
      if (!line.trim()) {
        const next = lines[i + 1] ?? '';
        if (!next.trim() || next.length - next.trimStart().length < Math.min(indent, 2)) {
          if (!listItem.test(next)) break;
          body.push('');
          continue;
        }
        body.push('');
      } else if (inner >= Math.min(indent, 2) && (inner >= indent || !listItem.test(line) || inner >= 2)) {
        body.push(line.slice(Math.min(inner, indent)));
      } else if (listItem.test(line) || fence.test(line) || heading.test(line) || rule.test(line) || /^ {0,3}>/.test(line)) {
        break;
      } else if (body.at(-1)!.trim()) {
        body.push(line); // goes on lazily
      } else break;
    }
    items.push(parseLines(body, depth + 1));
    while (i < lines.length && !lines[i]!.trim() && listItem.test(lines[i + 1] ?? '')) i += 1;
  }
  return { block: { type: 'list', ordered, start: ordered ? parseInt(first[2]!, 10) : 1, items }, next: Math.max(i, from + 1) };
}
