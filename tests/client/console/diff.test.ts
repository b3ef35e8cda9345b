import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differences } from '../../../client/console/src/diff';
import { merge, newJob, promptOf } from '../../../client/console/src/job';

describe('differences', () => {
  it('name the field by its path', () => {
    const left = { name: 'a', moa: { layers: [{ agents: [{ model: 'm', temperature: 0.2 }] }], aggregator: { model: 'm' } } };
    const right = { name: 'b', moa: { layers: [{ agents: [{ model: 'm', temperature: 0.7 }, { model: 'n' }] }], aggregator: { model: 'm' } } };
    assert.deepEqual(differences(left, right), [
      { path: 'name', left: 'a', right: 'b' },
      { path: 'moa.layers[0].agents[0].temperature', left: '0.2', right: '0.7' },
      { path: 'moa.layers[0].agents[1].model', left: null, right: 'n' },
    ]);
    assert.deepEqual(differences(right, right), []);
  });

  it('tell empty from missing, and a text from what it looks like', () => {
    assert.deepEqual(differences({ a: [], b: 1 }, { b: 1 }), [{ path: 'a', left: '[]', right: null }]);
    assert.deepEqual(differences({ a: {} }, { a: [] }), [{ path: 'a', left: '{}', right: '[]' }]);
    assert.deepEqual(differences(null, 1), [{ path: '', left: 'null', right: '1' }]);
  });
});

describe('what was asked', () => {
  it('is the last question', () => {
    assert.equal(promptOf({ prompt: 'Why?' }), 'Why?');
    assert.equal(promptOf({ messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }] }), 'c');
    assert.equal(promptOf({ messages: [] }), null);
    assert.equal(promptOf(null), null);
  });

  it('is kept of a job that was read once', () => {
    const job = newJob('j');
    merge(job, { job_id: 'j', state: 'RUNNING', job: { prompt: 'Why?' }, follows: 'i' });
    merge(job, { job_id: 'j', state: 'RUNNING' });
    assert.deepEqual([job.asked, job.follows], [{ prompt: 'Why?' }, 'i']);
  });
});
