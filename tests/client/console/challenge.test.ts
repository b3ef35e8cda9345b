import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { meansOf, readGrade, toneOf } from '../../../client/console/src/challenge/grade';

const text = (total: number, counts: number): string =>
  JSON.stringify({ total, max: 120, grade: 'C', score: 7, checks: { counts: { score: counts, max: 60, detail: `returned ${counts}` }, sorts: { score: total - counts, max: 60, detail: 'raised KeyError' } } });

describe('a grade', () => {
  it('is read from the answer of the job that graded', () => {
    const grade = readGrade(text(84, 60));
    assert.equal(grade?.total, 84);
    assert.equal(grade?.letter, 'C');
    assert.equal(grade?.reason, '');
    assert.deepEqual(grade?.checks[1], { id: 'sorts', score: 24, max: 60, detail: 'raised KeyError' });
    assert.equal(readGrade('{"total":0,"max":120,"grade":"F","reason":"not Python","checks":{}}')?.reason, 'not Python');
  });

  it('is nothing where the answer is none', () => {
    for (const no of [undefined, '', 'text', '[]', '{}', '{"total":1}', '{"total":1,"max":0,"checks":{}}', '{"total":1,"max":9,"checks":[]}']) assert.equal(readGrade(no), null, String(no));
    assert.deepEqual(readGrade('{"total":1,"max":9,"checks":{"a":3}}')?.checks, [{ id: 'a', score: 0, max: 0, detail: '' }]);
  });

  it('is averaged with others check by check', () => {
    const grades = [readGrade(text(84, 60)), readGrade(text(60, 40))].flatMap((one) => (one ? [one] : []));
    assert.deepEqual(meansOf(grades), [
      { id: 'counts', mean: 50, max: 60, loss: 'returned 40' },
      { id: 'sorts', mean: 22, max: 60, loss: 'raised KeyError' },
    ]);
    assert.deepEqual(meansOf([]), []);
  });

  it('has the tone of how much was reached', () => {
    assert.deepEqual([toneOf(5, 5), toneOf(0, 5), toneOf(2, 5), toneOf(0, 0)], ['is-good', 'is-bad', 'is-part', 'is-good']);
  });
});
