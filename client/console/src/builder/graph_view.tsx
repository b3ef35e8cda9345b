// The drawing of a MoA. Lines are a picture; boxes and layers are buttons that open their part below.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { type Box, type Frame, boxHeight, boxWidth, drawn, frameHead } from './graph';
import { type Problem, problemsOfPart } from './places';
import type { JsonObject } from './tree';

interface GraphOptions {
  job: JsonObject;
  problems: Problem[];
  selected: string;
  onSelect: (part: string) => void;
}

const troubles = (count: number): string => (count === 0 ? '' : `, ${count} ${count === 1 ? 'problem' : 'problems'}`);

function Loop({ frame }: { frame: Frame }) {
  const y = frame.y + frame.height - 11;
  const left = frame.x + 18;
  const right = frame.x + frame.width - 18;
  return <path class="g-loop" d={`M${right} ${y - 9}Q${right} ${y} ${right - 9} ${y}H${left + 9}Q${left} ${y} ${left} ${y - 9}m-4 4l4 -5l4 5`} />;
}

export function GraphView({ job, problems, selected, onSelect }: GraphOptions) {
  const graph = useMemo(() => drawn(job), [job]);
  const scroller = useRef<HTMLDivElement>(null);
  // What is selected is in sight, also when it was selected elsewhere.
  useEffect(() => {
    const box = graph.boxes.find((one) => one.part === selected) ?? graph.frames.find((one) => one.part === selected);
    const view = scroller.current;
    if (!box || !view) return;
    if (box.x < view.scrollLeft || box.x + boxWidth > view.scrollLeft + view.clientWidth) view.scrollLeft = box.x - 40;
  }, [selected, graph]);
  const bad = (part: string): number => problemsOfPart(problems, part).length;
  const press = (part: string) => ({ 'aria-pressed': part === selected, onClick: () => onSelect(part) });
  const frameButton = (frame: Frame) => (
    <button
      key={frame.part}
      type="button"
      class={`g-frame-head ${bad(frame.part) ? 'is-bad' : ''}`}
      style={{ left: `${frame.x + 6}px`, top: `${frame.y + 4}px`, width: `${frame.width - 12}px`, height: `${frameHead - 8}px` }}
      aria-label={`${[frame.title, frame.loop, ...frame.notes].filter(Boolean).join(', ')}${troubles(bad(frame.part))}`}
      {...press(frame.part)}
    >
      <strong>{frame.title}</strong>
      <small>{[frame.loop, ...frame.notes].filter(Boolean).join(' · ')}</small>
    </button>
  );
  const boxButton = (box: Box, index: number) => (
    <button
      key={`${index}${box.part}`}
      type="button"
      class={`g-box of-${box.kind} ${box.kind !== 'more' && bad(box.part) ? 'is-bad' : ''}`}
      style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${boxWidth}px`, height: `${boxHeight}px` }}
      aria-label={`${box.title}, ${box.note}${box.kind === 'more' ? '' : troubles(bad(box.part))}`}
      title={`${box.title}\n${box.note}`}
      {...press(box.part)}
    >
      <strong>{box.title}</strong>
      <small>{box.note}</small>
    </button>
  );
  return (
    <div class="graph" ref={scroller} role="group" aria-label="The mixture, from the question to the answer">
      <div class="g-canvas" style={{ width: `${graph.width}px`, height: `${graph.height}px` }}>
        <svg width={graph.width} height={graph.height} aria-hidden="true">
          {graph.frames.map((frame) => (
            <g key={frame.part}>
              <rect class={`g-frame ${frame.part === selected ? 'is-selected' : ''}`} x={frame.x} y={frame.y} width={frame.width} height={frame.height} rx="10" />
              {frame.loop && <Loop frame={frame} />}
            </g>
          ))}
          {graph.lines.map((line, i) => <path key={i} class="g-line" d={line} />)}
        </svg>
        {graph.frames.map(frameButton)}
        {graph.boxes.map(boxButton)}
      </div>
    </div>
  );
}
