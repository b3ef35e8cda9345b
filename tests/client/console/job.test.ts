import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JobUpdate, answerOf, apply, bytesOf, join, merge, newJob, stageTitle, tasksOf } from '../../../client/console/src/job';

const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
const task = (agent: string, sample = 0, kind = 'propose', layer = 1) => ({ agent, sample, kind, layer, round: 1 });
const events: JobUpdate[] = [
  { type: 'accepted', sequence: 1, time: at(0) },
  { type: 'layer_started', sequence: 2, time: at(0.1), layer: 1, round: 1, kind: 'propose', tasks: [task('a'), task('a', 1), task('b')] },
  { type: 'task_started', ...task('a'), attempt: 1 },
  { type: 'task_delta', ...task('a'), attempt: 1, content_offset: 0, content: 'Hel' },
  { type: 'task_delta', ...task('a'), attempt: 1, content_offset: 3, content: 'lo' },
  { type: 'task_finished', sequence: 3, time: at(1), ...task('a'), state: 'SUCCEEDED', model: 'm', content: 'Hello', run_ms: 800, attempts: 1 },
  { type: 'task_finished', sequence: 4, time: at(1.2), ...task('b'), state: 'FAILED', error: { code: 'X', message: 'broke' }, attempts: 3 },
  { type: 'degraded', sequence: 5, time: at(1.2), reason: 'b was lost' },
  { type: 'layer_started', sequence: 6, time: at(1.3), layer: 2, round: 1, kind: 'aggregate', tasks: [task('aggregator', 0, 'aggregate', 2)] },
  { type: 'task_delta', ...task('aggregator', 0, 'aggregate', 2), attempt: 1, content_offset: 0, content: 'The ans' },
];
const after = (list: JobUpdate[]) => {
  const job = newJob('j');
  for (const event of list) apply(job, event, Date.UTC(2026, 0, 1));
  return job;
};

describe('a job from its events', () => {
  it('has its stages, agents and texts', () => {
    const job = after(events);
    assert.deepEqual(job.stages.map((stage) => [stageTitle(stage, job.stages), stage.tasks.length]), [['Layer 1', 3], ['Aggregator', 1]]);
    assert.deepEqual(tasksOf(job).map((one) => one.state), ['SUCCEEDED', 'WAITING', 'FAILED', 'RUNNING']);
    assert.equal(tasksOf(job)[0]!.content, 'Hello');
    assert.deepEqual([tasksOf(job)[0]!.began, tasksOf(job)[0]!.ended], [200, 1000]);
    assert.equal(answerOf(job), 'The ans');
    assert.deepEqual(job.degradations, ['b was lost']);
  });

  it('takes no event twice', () => {
    const job = after([...events, ...events.filter((event) => event.sequence)]);
    assert.equal(job.degradations.length, 1);
    assert.equal(job.sequence, 6);
  });

  it('reads the task from an object of its own as well', () => {
    const nested = events.map(({ agent, sample, kind, layer, round, ...rest }): JobUpdate =>
      agent === undefined ? ({ ...rest, kind, layer, round } as JobUpdate) : ({ ...rest, task: { agent, sample, kind, layer, round } } as JobUpdate));
    assert.deepEqual(tasksOf(after(nested)).map(({ key, state, content }) => [key, state, content]), tasksOf(after(events)).map(({ key, state, content }) => [key, state, content]));
  });

  it('drops what an earlier attempt said, and what comes late of it', () => {
    const job = after(events.slice(0, 5));
    apply(job, { type: 'task_started', ...task('a'), attempt: 2 }, 0);
    assert.equal(tasksOf(job)[0]!.content, '');
    assert.deepEqual(apply(job, { type: 'task_delta', ...task('a'), attempt: 1, content_offset: 5, content: '!' }, 0), []);
    apply(job, { type: 'task_delta', ...task('a'), attempt: 2, content_offset: 0, content: 'New' }, 0);
    assert.equal(tasksOf(job)[0]!.content, 'New');
  });

  it('says which agents changed, so that only they are drawn', () => {
    const job = after(events.slice(0, 3));
    assert.deepEqual(apply(job, events[3]!, 0), [tasksOf(job)[0]!.key]);
    assert.deepEqual(apply(job, { type: 'of_a_later_gateway' }, 0), []);
  });

  it('leaves nothing running when it has ended, and takes over what is stored', () => {
    const job = after([...events, { type: 'ended', sequence: 7, time: at(3), state: 'SUCCEEDED', latency_ms: 3000 }]);
    assert.ok(tasksOf(job).every((one) => one.state !== 'RUNNING' && one.state !== 'WAITING'));
    merge(job, {
      job_id: 'j', state: 'SUCCEEDED', answer: 'The answer', latency_ms: 3001,
      layers: [
        { layer: 1, round: 1, kind: 'propose', agents: [{ agent: 'a', sample: 0, state: 'SUCCEEDED', content: 'Hello', share_of_answer: 0.4 }] },
        { layer: 2, round: 1, kind: 'aggregate', agents: [{ agent: 'aggregator', state: 'SUCCEEDED', content: 'The answer' }] },
      ],
    });
    assert.equal(answerOf(job), 'The answer');
    assert.equal(tasksOf(job)[0]!.result!.share_of_answer, 0.4);
    assert.equal(tasksOf(job).at(-1)!.state, 'SUCCEEDED');
    assert.equal(tasksOf(job).length, 4);
  });
});

describe('pieces of a text', () => {
  it('are counted as UTF-8', () => {
    for (const text of ['', 'plain', 'Grüße', '\u07ff\u0800\uffff', '🙂', 'a🙂b🙂', '\ud83d', '\ude42', '\ud83dx', '\ude42\ud83d', '\ud83d\ud83d\ude42']) {
      assert.equal(bytesOf(text), new TextEncoder().encode(text).length, JSON.stringify(text));
    }
  });

  it('are joined by bytes, not characters', () => {
    let text = join('', 0, 0, 'Grüße');
    assert.equal(text.bytes, 7);
    text = join(text.text, text.bytes, 7, ' 🙂');
    assert.deepEqual(text, { text: 'Grüße 🙂', bytes: 12, added: ' 🙂' });
  });
  it('may overlap or come again', () => {
    assert.deepEqual(join('Hello', 5, 3, 'lo you'), { text: 'Hello you', bytes: 9, added: ' you' });
    assert.deepEqual(join('Hello', 5, 1, 'ell'), { text: 'Hello', bytes: 5, added: '' });
    assert.deepEqual(join('Hello', 5, 0, 'Hello, all'), { text: 'Hello, all', bytes: 10, added: 'Hello, all' });
  });
  it('leave the end of what grows at hand: the answer’s once there is any', () => {
    const job = newJob('j');
    const id = { agent: 'a', sample: 0, layer: 1, round: 1, kind: 'propose', attempt: 1 };
    const tail = (update: object): string => {
      apply(job, { type: 'task_delta', ...id, ...update }, 0);
      return tasksOf(job)[0]!.tail;
    };
    assert.equal(tail({ reasoning_offset: 0, reasoning: 'Hm' }), 'Hm');
    assert.equal(tail({ reasoning_offset: 2, reasoning: ', well' }), 'Hm, well');
    assert.equal(tail({ content_offset: 0, content: 'It' }), 'It');
    assert.equal(tail({ reasoning_offset: 8, reasoning: ' then' }), 'It');
    assert.equal(tail({ content_offset: 1, content: 'ts' }), 'Its');
    assert.equal(tail({ content_offset: 0, content: 'It is' }), 'It is');
    assert.equal(tail({ content_offset: 5, content: 'x'.repeat(1000) }).length, 400);
    assert.equal(tail({ attempt: 2, content_offset: 0, content: 'Anew' }), 'Anew');
    assert.equal(tasksOf(job)[0]!.content, 'Anew');
  });
});
