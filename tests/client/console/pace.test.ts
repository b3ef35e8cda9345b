import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pace } from '../../../client/console/src/pace';

// How often each of `count` texts is drawn in 60 frames, before each of which all of them change.
function drawn(count: number): number[] {
  const keys = Array.from({ length: count }, (_, i) => `task ${i}`);
  const pace = new Pace();
  const times = new Map(keys.map((key) => [key, 0]));
  for (let frame = 0; frame < 60; ++frame) {
    pace.add(keys);
    const due = pace.take();
    assert.ok(due.length <= 16);
    for (const key of due) times.set(key, (times.get(key) ?? 0) + 1);
  }
  return [...times.values()];
}

describe('drawing', () => {
  it('has every change of few texts in the next frame', () => {
    assert.deepEqual(new Set(drawn(16)), new Set([60]));
  });

  it('has a share of many texts in each frame, and leaves none behind', () => {
    assert.deepEqual(new Set(drawn(64)), new Set([15]));
    assert.ok(Math.min(...drawn(17)) >= 30);
  });

  it('draws fewer at once while frames come late, and more again after', () => {
    const keys = Array.from({ length: 64 }, (_, i) => `task ${i}`);
    const pace = new Pace();
    const share = (sinceLast?: number): number => {
      pace.add(keys);
      return pace.take(sinceLast).length;
    };
    assert.equal(share(), 16);
    assert.ok(share(33) < 16);
    for (let i = 0; i < 20; ++i) share(33);
    assert.equal(share(33), 4);
    assert.equal(share(), 4, 'a pause tells nothing');
    for (let i = 0; i < 130; ++i) share(16.7);
    assert.equal(share(16.7), 16);
  });

  it('never lets the job as a whole wait, and forgets no change', () => {
    const pace = new Pace();
    const keys = Array.from({ length: 20 }, (_, i) => `task ${i}`);
    pace.add([...keys, '']);
    const first = pace.take();
    assert.equal(first.length, 16);
    assert.equal(first[0], '');
    assert.equal(pace.isEmpty, false);
    assert.deepEqual(new Set([...first, ...pace.take()]), new Set(['', ...keys]));
    assert.equal(pace.isEmpty, true);
    assert.deepEqual(pace.take(), []);
  });
});
