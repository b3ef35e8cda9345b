// A grade, check by check.
import { useState } from 'preact/hooks';
import { Bar } from '../parts';
import { type Grade, meansOf, toneOf } from './grade';

export const Points = ({ grade }: { grade: Grade }) => (
  <span class={`points ${toneOf(grade.total, grade.max)}`}>
    <strong>{grade.total}</strong> of {grade.max} <span class="letter">{grade.letter}</span>
  </span>
);

type Row = { id: string; score: number; max: number; said: string; shown: string };

function Checks({ name, rows }: { name: string; rows: Row[] }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={name}>
      <table class="checks">
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col" class="to-right">Points</th>
            <th scope="col"><span class="hidden">Share</span></th>
            <th scope="col">What it did</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">{row.id.replaceAll('_', ' ')}</th>
              <td class={`to-right nowrap ${toneOf(row.score, row.max)}`}>{row.shown}</td>
              <td class="share"><Bar share={row.max ? row.score / row.max : 0} tone={toneOf(row.score, row.max)} /></td>
              <td class="said">{row.said}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function GradeView({ grade }: { grade: Grade }) {
  if (grade.reason) return <p class="notice is-error">{grade.reason}</p>;
  const rows = grade.checks.map((check) => ({ ...check, said: check.detail, shown: `${check.score} of ${check.max}` }));
  return <Checks name="Checks" rows={rows} />;
}

// Of several grades: the means, and where points were lost.
export function MeansView({ grades }: { grades: Grade[] }) {
  const [open, setOpen] = useState(true);
  const rows = meansOf(grades).map(({ id, mean, max, loss }) => ({ id, score: mean, max, said: loss, shown: `${mean.toFixed(1)} of ${max}` }));
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Means of the checks over {grades.length} grades</summary>
      {open && <Checks name="Means of the checks" rows={rows} />}
    </details>
  );
}
