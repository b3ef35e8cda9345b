// A grade as a job's answer has it. Pure.
export interface CheckGrade {
  id: string;
  score: number;
  max: number;
  detail: string;
}

export interface Grade {
  total: number;
  max: number;
  letter: string;
  reason: string; // why nothing counts; else empty
  checks: CheckGrade[];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export function readGrade(text: string | undefined): Grade | null {
  let json: unknown;
  try {
    json = JSON.parse(text ?? '');
  } catch {
    return null;
  }
  if (!isRecord(json) || typeof json.total !== 'number' || typeof json.max !== 'number' || json.max <= 0 || !isRecord(json.checks)) return null;
  const checks = Object.entries(json.checks).map(([id, check]) => ({
    id,
    score: isRecord(check) && typeof check.score === 'number' ? check.score : 0,
    max: isRecord(check) && typeof check.max === 'number' ? check.max : 0,
    detail: isRecord(check) && typeof check.detail === 'string' ? check.detail : '',
  }));
  return { total: json.total, max: json.max, letter: String(json.grade ?? ''), reason: typeof json.reason === 'string' ? json.reason : '', checks };
}

export interface CheckMean {
  id: string;
  mean: number;
  max: number;
  loss: string; // what the last grade that lost points there says
}

// Of each check over several grades, in the order of the first.
export function meansOf(grades: Grade[]): CheckMean[] {
  return (grades[0]?.checks ?? []).map(({ id, max }) => {
    // Where nothing counts, a check's own words say only that.
    const all = grades.flatMap((grade) => grade.checks.filter((check) => check.id === id).map((check) => (grade.reason ? { ...check, detail: '' } : check)));
    return {
      id,
      max,
      mean: all.reduce((sum, check) => sum + check.score, 0) / Math.max(all.length, 1),
      loss: all.filter((check) => check.score < check.max && check.detail).at(-1)?.detail ?? '',
    };
  });
}

export const toneOf = (score: number, max: number): string => (score >= max ? 'is-good' : score <= 0 ? 'is-bad' : 'is-part');
