// Lines over time, drawn by uPlot; the figures beside them say the same in words.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  name: string;
  color: string; // a custom property of the style sheet
  values: (number | null)[];
}

interface ChartOptions {
  title: string;
  times: number[]; // seconds since the epoch
  lines: Line[];
  text: (value: number | null) => string;
}

const height = 150;
const spanSeconds = 600;
const spanSecondsMin = 60;

const colorOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf({ lines, text }: ChartOptions, width: number, onCursor: (index: number | null) => void): uPlot.Options {
  const axis = { stroke: colorOf('--muted'), grid: { stroke: colorOf('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: (_self, low, high) => [Math.max(high - spanSeconds, Math.min(low, high - spanSecondsMin)), high] },
      y: { range: (_self, _low, high) => [0, Math.max(high * 1.1, 1e-3)] },
    },
    axes: [
      { ...axis, size: 26, space: 80, values: (_self, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })) },
      { ...axis, size: 64, values: (_self, splits) => splits.map((value) => text(value)) },
    ],
    series: [{}, ...lines.map((line) => ({ label: line.name, stroke: colorOf(line.color), width: 1.5, points: { show: false } }))],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

// Draws anew where the system turns from light to dark.
function useScheme(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const changed = (): void => setDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return dark;
}

export function Chart(options: ChartOptions) {
  const { title, times, lines, text } = options;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const dark = useScheme();
  useEffect(() => {
    const at = box.current;
    if (!at) return;
    const made = new uPlot(optionsOf(options, at.clientWidth, setPointed), [times, ...lines.map((line) => line.values)], at);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: at.clientWidth, height }));
    sizes.observe(at);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark]);
  useEffect(() => plot.current?.setData([times, ...lines.map((line) => line.values)]), [times, lines]);
  const shown = pointed !== null && pointed < times.length ? pointed : times.length - 1;
  return (
    <section class="panel pad chart">
      <h2>{title}</h2>
      <ul class="legend">
        {lines.map((line) => (
          <li key={line.name}>
            <span class="swatch" style={{ background: `var(${line.color})` }} aria-hidden="true" />
            {line.name} <strong>{text(line.values[shown] ?? null)}</strong>
          </li>
        ))}
      </ul>
      <div ref={box} class="plot" aria-hidden="true" />
    </section>
  );
}
