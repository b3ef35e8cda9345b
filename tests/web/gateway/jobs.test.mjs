// Jobs as JSON over a gateway: the objects are those that moactl prints.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { eventually } from '../sim/server.mjs';
import { startCluster } from './cluster.mjs';

const job = { name: 'trip', prompt: 'What is a lease?', preset: 'moa-lite' };

describe('the job API', () => {
  let cluster;
  before(async () => (cluster = await startCluster({ flags: ['--keep-alive', '100ms'] })));
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());

  const moactl = (...args) => {
    const run = spawnSync(
      path.join(process.env.MOA_BIN_DIR, 'moactl'),
      ['--coordinator', cluster.coordinatorAddress, ...args, '-o', 'json'],
      { encoding: 'utf8' },
    );
    assert.ok(run.status < 2, run.stderr);
    return JSON.parse(run.stdout);
  };
  const call = async (method, where, body, headers = {}) => {
    const reply = await fetch(`${cluster.url}/v1${where}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: reply.status, headers: reply.headers, body: await reply.json() };
  };
  const get = async (where) => (await call('GET', where)).body;
  // `began` is called once the stream has its first bytes.
  const eventsOf = async (where, headers = {}, began = () => {}) => {
    const reply = await fetch(`${cluster.url}/v1${where}`, { headers });
    const decoder = new TextDecoder();
    let text = '';
    for await (const bytes of reply.body ?? []) {
      if (text === '') await began();
      text += decoder.decode(bytes, { stream: true });
    }
    return [...text.matchAll(/^(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)$/gm)].map(([, id, name, data]) => ({
      id: id && Number(id),
      name,
      data: JSON.parse(data),
    }));
  };
  const submit = async (body = job, headers) => {
    const { status, headers: answered, body: submitted } = await call('POST', '/jobs', body, headers);
    assert.equal(status, 202, JSON.stringify(submitted));
    assert.equal(answered.get('location'), `/v1/jobs/${submitted.job_id}`);
    return submitted.job_id;
  };
  const ended = (id) => eventually(async () => ((await get(`/jobs/${id}`)).state === 'SUCCEEDED' ? id : null));

  it('takes a job file, and shows the job as moactl does', async () => {
    const id = await ended(await submit());
    assert.deepEqual(await get(`/jobs/${id}`), moactl('get', id));
    assert.equal(await submit(job, { 'Idempotency-Key': 'k' }), await submit(job, { 'Idempotency-Key': 'k' }));
    assert.equal((await call('POST', '/jobs', { ...job, prompt: 'Else?' }, { 'Idempotency-Key': 'k' })).status, 409);
  });

  it('tells every mistake of a job file', async () => {
    const unknown = await call('POST', '/jobs', { ...job, presett: 'moa', deadline: 5 });
    assert.equal(unknown.status, 400);
    assert.match(unknown.body.error.message, /deadline: needs a unit.*presett: unknown field/);
    const invalid = await call('POST', '/jobs', { ...job, prompt: '', preset: 'none' });
    assert.equal(invalid.status, 400);
    const preset = await call('POST', '/jobs/inspect', { ...job, preset: 'none' });
    assert.equal(preset.body.error.param, 'preset');
  });

  it('tells a mistake with its field and its line, for programs', async () => {
    const agents = [{ name: 'a', model: 'none' }, { name: 'b', model: 'gpt-oss-120b', temperature: 9 }];
    const text = JSON.stringify({ prompt: 'x', moa: { layers: [{ agents }], aggregator: { model: 'gpt-oss-120b' } } }, null, 1);
    const reply = await fetch(`${cluster.url}/v1/jobs/inspect`, { method: 'POST', body: text });
    assert.equal(reply.status, 400);
    const { error } = await reply.json();
    const lineOf = (part) => text.split('\n').findIndex((line) => line.includes(part)) + 1;
    assert.deepEqual(
      error.problems.map(({ path: where, line }) => [where, line]),
      [['moa.layers[0].agents[0].model', lineOf('"none"')], ['moa.layers[0].agents[1].temperature', lineOf('temperature')]],
    );
    for (const { message } of error.problems) assert.ok(error.message.includes(message), message);
    assert.equal(error.param, error.problems[0].path);
  });

  it('converts job files of every form, and says what it cannot', async () => {
    const convert = async (text, file = '') => {
      const reply = await fetch(`${cluster.url}/v1/jobs/convert?file=${encodeURIComponent(file)}`, { method: 'POST', body: text });
      return { status: reply.status, body: await reply.json() };
    };
    const example = (name) => readFileSync(new URL(`../../../docs/examples/${name}`, import.meta.url), 'utf8');
    for (const name of ['trip.yaml', 'workshop.yaml', 'workshop-export.json']) {
      const { status, body } = await convert(example(name), name);
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.form, name === 'workshop-export.json' ? 'workshop' : 'job');
      assert.deepEqual(body.problems, []);
      // The YAML is the same job, and a job the coordinator takes.
      assert.deepEqual((await convert(body.yaml, 'again.yaml')).body.job, body.job);
      assert.ok((await call('POST', '/jobs/inspect', body.job)).body.calls_max > 1);
    }
    const workshop = JSON.parse((await convert(example('workshop-export.json'))).body.workshop.file);
    const given = JSON.parse(example('workshop-export.json')).ai_configuration;
    assert.deepEqual(workshop.ai_configuration, { ...given, layer_agents: given.layer_agents });
    const ninja = (await call('GET', '/presets/ninja')).body;
    const { body } = await convert(JSON.stringify({ moa: ninja.moa }));
    assert.ok(body.workshop.notes.some((note) => note.path === 'moa.layers[0].critique'));
    const wrong = await convert('moa:\n  layerss: []\n  aggregator: {model: m}\n', 'x.yaml');
    assert.deepEqual(wrong.body.problems.map(({ path: where, line }) => [where, line]), [['moa.layerss', 2]]);
    const broken = await convert('{"prompt": ');
    assert.equal(broken.status, 400);
    assert.ok(broken.body.error.problems[0].line >= 1);
  });

  it('inspects without running', async () => {
    const plan = (await call('POST', '/jobs/inspect', job)).body;
    assert.ok(plan.calls_max > 1);
    assert.equal(plan.stages.at(-1).kind, 'aggregate');
  });

  it('lists and counts', async () => {
    const ids = [await submit(), await submit({ ...job, tenant: 'research' })];
    await Promise.all(ids.map(ended));
    const first = await get('/jobs?page_size=1&state=succeeded');
    assert.equal(first.jobs[0].job_id, ids[1]);
    const second = await get(`/jobs?page_size=1&state=succeeded&page_token=${encodeURIComponent(first.next_page_token)}`);
    assert.equal(second.jobs[0].job_id, ids[0]);
    assert.deepEqual((await get('/jobs?tenant=research')).jobs.map(({ job_id }) => job_id), [ids[1]]);
    assert.equal((await get('/jobs/count?tenant=research')).SUCCEEDED, 1);
    assert.equal((await call('GET', '/jobs?state=odd')).body.error.param, 'state');
    assert.equal((await call('GET', '/jobs?page_size=x')).status, 400);
    assert.equal((await call('GET', '/jobs/01M8Q80FZHGC6WBYK012XS348K')).status, 404);
    assert.equal((await call('GET', '/jobs/01M8Q80FZHGC6WBYK012XS348K/events')).status, 404);
  });

  it('tells what happens to a job, each event once', async () => {
    await cluster.stopWorker();
    const id = await submit();
    const all = await eventsOf(`/jobs/${id}/events?progress=true`, {}, () => cluster.startWorker());
    const stored = all.filter((event) => event.id);
    assert.deepEqual(stored.map((event) => event.id), stored.map((_, index) => index + 1));
    assert.equal(stored[0].name, 'accepted');
    assert.equal(stored.at(-1).name, 'ended');
    assert.equal(stored.at(-1).data.state, 'SUCCEEDED');
    const finished = stored.filter((event) => event.name === 'task_finished').map(({ data }) => data.task.agent);
    assert.deepEqual(finished.sort(), moactl('get', id).layers.flatMap(({ agents }) => agents.map(({ agent }) => agent)).sort());
    assert.ok(all.some((event) => event.name === 'task_started'));

    // Without progress only what is stored; from where a client was.
    const plain = await eventsOf(`/jobs/${id}/events?after=2`);
    assert.deepEqual(plain.map((event) => event.id), stored.slice(2).map((event) => event.id));
    const again = await eventsOf(`/jobs/${id}/events`, { 'Last-Event-ID': '3' });
    assert.equal(again[0].id, 4);
    const none = await fetch(`${cluster.url}/v1/jobs/${id}/events?after=${stored.length}`);
    assert.equal(none.status, 204);
  });

  it('cancels', async () => {
    await cluster.simulator.faults('hang');
    const id = await submit();
    const events = eventsOf(`/jobs/${id}/events`);
    const { body } = await call('POST', `/jobs/${id}/cancel`, { reason: 'enough' });
    assert.equal(body.state, 'CANCELLED');
    assert.match(body.error.message, /enough/);
    assert.equal((await events).at(-1).data.state, 'CANCELLED');
    assert.equal((await call('POST', `/jobs/${id}/cancel`, { raeson: 'x' })).status, 400);
  });

  it('tells what was asked, so that it can be asked again', async () => {
    const asked = await submit({ ...job, tenant: 'travel', deadline: '30s', seed: 5 });
    await ended(asked);
    const { job: again, ...shown } = await get(`/jobs/${asked}`);
    assert.deepEqual([shown.name, shown.tenant], ['trip', 'travel']);
    assert.deepEqual([again.prompt, again.deadline, again.seed], [job.prompt, '30s', 5]);
    // Who has no name gets one.
    const { name, ...aggregator } = again.moa.aggregator;
    assert.equal(name, 'aggregator');
    assert.deepEqual({ ...again.moa, aggregator }, (await get('/presets/moa-lite')).moa);
    const repeated = await submit(again);
    await ended(repeated);
    assert.deepEqual((await get(`/jobs/${repeated}`)).job, again);

    // The conversation of the job that it follows is part of it.
    const next = await submit({ prompt: 'And a lock?', preset: 'moa-lite', tenant: 'travel', follows: asked });
    const following = await get(`/jobs/${next}`);
    assert.equal(following.follows, asked);
    assert.deepEqual(following.job.messages.map(({ role }) => role), ['user', 'assistant', 'user']);
    assert.equal(following.job.follows, undefined);
    await ended(next);
  });

  it('tells of each attempt that failed', async () => {
    await cluster.simulator.faults('status=503:html,first=2');
    const { layers } = await get(`/jobs/${await ended(await submit())}`);
    const failed = layers.flatMap(({ agents }) => agents.flatMap(({ failed_attempts }) => failed_attempts ?? []));
    assert.equal(failed.length, 2);
    for (const attempt of failed) {
      assert.equal(attempt.error.code, 'SERVER_ERROR');
      assert.ok(attempt.model && attempt.worker && attempt.run_ms >= 0);
    }
  });

  it('finds jobs by name and id', async () => {
    const id = await submit({ ...job, name: 'A needle in a haystack' });
    assert.deepEqual((await get('/jobs?search=NEEDLE')).jobs.map(({ job_id }) => job_id), [id]);
    assert.deepEqual((await get(`/jobs?search=${id.slice(5)}`)).jobs.map(({ name }) => name), ['A needle in a haystack']);
    assert.deepEqual((await get('/jobs?search=needle&state=failed')).jobs, []);
    assert.equal((await call('GET', `/jobs?search=${'x'.repeat(201)}`)).status, 400);
  });

  it('tells what the coordinators count', async () => {
    const { coordinators } = await get('/metrics?names=moa_jobs_finished_total,moa_job_duration_seconds');
    assert.equal(coordinators.length, 1);
    const [own] = coordinators;
    assert.equal(own.address, '');
    assert.ok(Math.abs(Date.parse(own.time) - Date.now()) < 60_000);
    assert.deepEqual(own.families.map(({ name, type }) => [name, type]).sort(), [['moa_job_duration_seconds', 'histogram'], ['moa_jobs_finished_total', 'counter']]);
    const family = (name) => own.families.find((one) => one.name === name).samples;
    const succeeded = family('moa_jobs_finished_total').find(({ labels }) => labels.state === 'succeeded').value;
    assert.ok(succeeded > 0);
    const [times] = family('moa_job_duration_seconds');
    assert.ok(times.count >= succeeded && times.buckets.at(-1)[1] <= times.count);
    assert.ok((await get('/metrics')).coordinators[0].families.length > 20);
  });

  it('tells what jobs can name and who works', async () => {
    assert.deepEqual(await get('/presets'), moactl('presets'));
    const lite = await get('/presets/moa-lite');
    assert.ok(lite.moa.aggregator.model);
    assert.equal((await call('GET', '/presets/none')).status, 404);
    assert.deepEqual(await get('/model-table'), moactl('models'));
    assert.equal((await get('/workers')).workers.length, 1);
  });
});
