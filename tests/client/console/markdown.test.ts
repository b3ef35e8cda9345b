import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Block, type Inline, parseInline, parseMarkdown, safeHref } from '../../../client/console/src/markdown';

const linksOf = (nodes: (Block | Inline)[]): string[] => {
  const found: string[] = [];
  JSON.stringify(nodes, (key, value) => {
    if (key === 'href') found.push(value as string);
    return value as unknown;
  });
  return found;
};
const types = (text: string): string[] => parseMarkdown(text).map((block) => block.type);

describe('Markdown', () => {
  it('reads what models write', () => {
    assert.deepEqual(types('# Title\n\nText\n\n- a\n- b\n\n1. x\n2. y\n\n```py\nprint(1)\n```\n\n> said\n\n---\n\n| a | b |\n|---|--:|\n| 1 | 2 |'), [
      'heading', 'paragraph', 'list', 'list', 'code', 'quote', 'rule', 'table',
    ]);
    assert.deepEqual(parseInline('a **b *c*** `d` ~~e~~'), [
      { type: 'text', text: 'a ' },
      { type: 'strong', children: [{ type: 'text', text: 'b ' }, { type: 'em', children: [{ type: 'text', text: 'c' }] }] },
      { type: 'text', text: ' ' },
      { type: 'code', text: 'd' },
      { type: 'text', text: ' ' },
      { type: 'del', children: [{ type: 'text', text: 'e' }] },
    ]);
  });

  it('keeps code as it is, also while its end is still to come', () => {
    assert.deepEqual(parseMarkdown('```js\nif (a < b) {\n\n  *x*\n'), [{ type: 'code', language: 'js', text: 'if (a < b) {\n\n  *x*\n' }]);
    assert.deepEqual(parseMarkdown('~~~\n```\n~~~'), [{ type: 'code', language: '', text: '```' }]);
  });

  it('nests lists', () => {
    const [list] = parseMarkdown('- a\n  - b\n  - c\n\n  more\n- d') as [Extract<Block, { type: 'list' }>];
    assert.equal(list.items.length, 2);
    assert.deepEqual(list.items[0]!.map((block) => block.type), ['paragraph', 'list', 'paragraph']);
    assert.equal((parseMarkdown('3. x\n4. y')[0] as Extract<Block, { type: 'list' }>).start, 3);
    assert.deepEqual(types('1. a\n\n   ```\n   code\n   ```\n\n2. b'), ['list']);
  });

  it('leaves names with underscores and lonely marks alone', () => {
    assert.deepEqual(parseInline('snake_case_name 2 * 3 * 4 ** x'), [{ type: 'text', text: 'snake_case_name 2 * 3 * 4 ** x' }]);
    assert.deepEqual(parseInline('\\*not\\*'), [{ type: 'text', text: '*not*' }]);
  });
});

describe('hostile Markdown', () => {
  it('has no HTML: tags are text', () => {
    for (const text of ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '<iframe srcdoc="x">', '</div><style>*{display:none}</style>']) {
      assert.deepEqual(parseMarkdown(text), [{ type: 'paragraph', children: [{ type: 'text', text }] }]);
    }
  });

  it('links to http and https only', () => {
    for (const href of [
      'javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)', 'java\nscript:alert(1)', '\u0001javascript:alert(1)',
      'data:text/html,<script>alert(1)</script>', 'vbscript:x', 'file:///etc/passwd', 'blob:https://a/b', '//elsewhere.example', '/v1/jobs', 'mailto:a@b',
      'javascript&colon;alert(1)', '&#106;avascript:alert(1)', 'https://user:pass@elsewhere.example', 'https://bank.example@elsewhere.example/', 'https://a\u202eb.example', 'https://a\u200b.example',
    ]) {
      assert.equal(safeHref(href), null, href);
      assert.deepEqual(linksOf(parseMarkdown(`[x](${href})`)), [], href);
      assert.deepEqual(linksOf(parseMarkdown(`[x](<${href}>)`)), [], href);
    }
    assert.deepEqual(linksOf(parseMarkdown('[x](https://a.example/b_(c) "t") <http://b.example> https://c.example/d.')), [
      'https://a.example/b_(c)', 'http://b.example/', 'https://c.example/d',
    ]);
    assert.deepEqual(linksOf(parseMarkdown('<javascript:alert(1)>')), []);
    assert.deepEqual(linksOf(parseMarkdown('<https://a.example" onclick="x>')), ['https://a.example/']);
  });

  it('loads no image', () => {
    const [paragraph] = parseMarkdown('![secret](https://elsewhere.example/?q=secret)') as [Extract<Block, { type: 'paragraph' }>];
    assert.equal(paragraph.children[0]!.type, 'link');
    assert.ok(!JSON.stringify(parseMarkdown('![x](javascript:alert(1))')).includes('javascript'));
  });

  it('puts no link into a link', () => {
    const [link] = parseInline('[a https://b.example c](https://d.example)') as [Extract<Inline, { type: 'link' }>];
    assert.deepEqual(linksOf([link]), ['https://d.example/']);
  });

  it('takes time in proportion to the text', () => {
    const many = (piece: string): string => piece.repeat(Math.ceil(60_000 / piece.length));
    for (const text of [
      ...['*', '**', '_', '`', '[', '](', '![', '[a](', '<', '> ', '- ', '* a ', '1. ', '|', '|-', '~', '\\', '#', '# ', 'h', 'http://', ' ', '\n', ' \n', '`a ', '**a ', '_a*b', '[a](b', '(', '~~~', '*a_b**', 'a  \n', '- a\n', '> - ', '```\n', '| a\n', '\t'].map(many),
      `# ${' '.repeat(60_000)}x`, `a|b\n---${' '.repeat(60_000)}x`, `${'~'.repeat(60_000)}\``, `\` ${'a '.repeat(30_000)}x\``, `[a](${' '.repeat(60_000)}`,
      `${'>'.repeat(60_000)}`, `${'- '.repeat(10_000)}a`, Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i % 40)}- x`).join('\n'),
    ]) {
      const began = process.cpuUsage();
      parseMarkdown(text);
      const { user } = process.cpuUsage(began);
      // Quadratic would be minutes; this is no measure of speed.
      assert.ok(user < 5_000_000, `${JSON.stringify(text.slice(0, 12))} took ${user / 1000} ms`);
    }
  });
});
