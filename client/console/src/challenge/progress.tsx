// Grades over time as dots, the best so far as a line; the table of grades below says the same in words.
import type { WireGrade } from '../wire';

const width = 640;
const height = 150;
const margin = { left: 34, right: 10, top: 10, bottom: 22 };

export function Progress({ grades }: { grades: WireGrade[] }) {
  const oldest = [...grades].reverse();
  if (oldest.length < 2) return null;
  const max = Math.max(...oldest.map((one) => one.max));
  const x = (i: number): number => margin.left + ((width - margin.left - margin.right) * i) / (oldest.length - 1);
  const y = (total: number): number => margin.top + (height - margin.top - margin.bottom) * (1 - total / max);
  let best = 0;
  const line = oldest
    .map((one, i) => {
      const before = best;
      best = Math.max(best, one.total);
      return i === 0 ? `M${x(0)} ${y(best)}` : `L${x(i)} ${y(before)}L${x(i)} ${y(best)}`;
    })
    .join('');
  return (
    <svg class="progress" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${oldest.length} attempts in order of time; the best has ${best} of ${max} points`}>
      {[0, 0.5, 0.9, 1].map((share) => (
        <g key={share}>
          <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(share * max)} y2={y(share * max)} />
          <text x={margin.left - 6} y={y(share * max) + 4} text-anchor="end">{Math.round(share * max)}</text>
        </g>
      ))}
      <path class="best" d={line} />
      {oldest.map((one, i) => (
        <circle key={one.job_id} cx={x(i)} cy={y(one.total)} r="3.5"><title>{`${one.name || 'a job'}: ${one.total} of ${one.max}`}</title></circle>
      ))}
      <text x={margin.left} y={height - 6}>oldest</text>
      <text x={width - margin.right} y={height - 6} text-anchor="end">newest</text>
    </svg>
  );
}
