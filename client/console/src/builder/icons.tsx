const paths = {
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  copy: 'M6 6h7v7H6zM10 3H3v7',
  remove: 'M4 4l8 8M12 4l-8 8',
  add: 'M8 3v10M3 8h10',
  undo: 'M6 4L3 7l3 3M3 7h6a4 4 0 010 8H7',
  redo: 'M10 4l3 3-3 3M13 7H7a4 4 0 000 8h2',
} as const;

export const Icon = ({ name }: { name: keyof typeof paths }) => (
  <svg viewBox="0 0 16 16" aria-hidden="true" class="b-icon"><path d={paths[name]} /></svg>
);
