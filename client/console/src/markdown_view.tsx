import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { type Block, type Inline, parseMarkdown } from './markdown';

const inlineNode = (node: Inline, key: number): VNode | string => {
  switch (node.type) {
    case 'text':
      return node.text;
    case 'code':
      return <code key={key}>{node.text}</code>;
    case 'break':
      return <br key={key} />;
    case 'strong':
      return <strong key={key}>{inlines(node.children)}</strong>;
    case 'em':
      return <em key={key}>{inlines(node.children)}</em>;
    case 'del':
      return <del key={key}>{inlines(node.children)}</del>;
    case 'link':
      return (
        <a key={key} href={node.href} target="_blank" rel="noopener noreferrer nofollow">
          {inlines(node.children)}
        </a>
      );
  }
};
const inlines = (nodes: Inline[]): ComponentChildren => nodes.map(inlineNode);

// Headings of a text are below those of the page.
const headingTags = ['h3', 'h4', 'h5', 'h6', 'h6', 'h6'] as const;

const blockNode = (block: Block, key: number): VNode => {
  switch (block.type) {
    case 'paragraph':
      return <p key={key}>{inlines(block.children)}</p>;
    case 'heading': {
      const Tag = headingTags[block.level - 1] ?? 'h6';
      return <Tag key={key}>{inlines(block.children)}</Tag>;
    }
    case 'code':
      return (
        <pre key={key} tabIndex={0} aria-label={block.language ? `${block.language} code` : 'code'} role="region">
          <code>{block.text}</code>
        </pre>
      );
    case 'rule':
      return <hr key={key} />;
    case 'quote':
      return <blockquote key={key}>{blocks(block.children)}</blockquote>;
    case 'list': {
      const items = block.items.map((item, index) => (
        <li key={index}>{item.length === 1 && item[0]?.type === 'paragraph' ? inlines(item[0].children) : blocks(item)}</li>
      ));
      return block.ordered ? <ol key={key} start={block.start}>{items}</ol> : <ul key={key}>{items}</ul>;
    }
    case 'table':
      return (
        <div key={key} class="md-table" tabIndex={0} role="region" aria-label="table">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, index) => <th key={index} scope="col" class={`to-${block.align[index] || 'left'}`}>{inlines(cell)}</th>)}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, number) => (
                <tr key={number}>
                  {row.map((cell, index) => <td key={index} class={`to-${block.align[index] || 'left'}`}>{inlines(cell)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
};
const blocks = (all: Block[]): ComponentChildren => all.map(blockNode);

export function Markdown({ text }: { text: string }) {
  const parsed = useMemo(() => parseMarkdown(text), [text]);
  return <div class="md">{blocks(parsed)}</div>;
}
