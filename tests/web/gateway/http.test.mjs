// What a gateway does on the wire, where a client library would hide it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import OpenAI from 'openai';
import { eventually } from '../sim/server.mjs';
import { question, start, startCluster } from './cluster.mjs';

const post = (url, body, headers = {}, options = {}) =>
  fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body), ...options });
const textOf = (stream) =>
  [...stream.matchAll(/^data: (\{.*)$/gm)].map((match) => JSON.parse(match[1]).choices[0].delta.content ?? '').join('');
const plain = { model: 'gpt-oss-120b', messages: question };

describe('a gateway', () => {
  let cluster;
  before(async () => (cluster = await startCluster({ flags: ['--keep-alive', '100ms', '--max-body-mib', '1'], simulatorFlags: ['--time-scale', '1'] })));
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());

  it('says what it cannot do in the API’s own form', async () => {
    const error = async (reply, status) => {
      assert.equal(reply.status, status);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      return (await reply.json()).error;
    };
    assert.equal((await error(await fetch(`${cluster.url}/v1/nothing`), 404)).code, 'unknown_url');
    const wrong = await fetch(`${cluster.url}/v1/chat/completions`);
    assert.equal(wrong.headers.get('allow'), 'POST');
    await error(wrong, 405);
    assert.match((await error(await post(cluster.url, '{"model": "a",\n  }'), 400)).message, /line 2, column 3/);
    assert.match((await error(await post(cluster.url, '[]'), 400)).message, /mapping/);
    await error(await post(cluster.url, 'x'.repeat(2 << 20)), 413);
  });

  it('shows that a stream goes on while agents work, and what they do where that is asked for', async () => {
    await cluster.simulator.faults('slow=600ms,model=qwen-3.8-27b');
    const body = { ...plain, stream: true, moa: { layers: [{ agents: [{ name: 'a', model: 'qwen-3.8-27b' }] }] } };
    const quiet = await (await post(cluster.url, body)).text();
    assert.match(quiet, /^: keep-alive\n\n(: keep-alive\n\n)+data: \{.*"role":"assistant"/);
    assert.ok(quiet.endsWith('data: [DONE]\n\n'));
    assert.ok(!quiet.includes('event:'));
    const reply = await post(cluster.url, body, { 'X-Moa-Progress': '1' });
    assert.equal(reply.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const events = [...(await reply.text()).matchAll(/^event: moa.task\ndata: (.*)$/gm)].map((match) => JSON.parse(match[1]));
    // What is stored comes a little later than what is not.
    assert.deepEqual(
      events.map(({ type, agent }) => `${agent} ${type}`).sort(),
      ['a task_finished', 'a task_started', 'aggregator task_finished', 'aggregator task_started'],
    );
  });

  it('goes on with an answer whose call broke off, when the next one says the same', async () => {
    const request = { ...plain, stream: true, seed: 5 };
    const expected = textOf(await (await post(cluster.url, request)).text());
    await cluster.simulator.faults('reset-stream,at=6,first=1');
    const stream = await (await post(cluster.url, request)).text();
    assert.ok(stream.endsWith('data: [DONE]\n\n'), stream);
    assert.equal(textOf(stream), expected);
    assert.ok((await cluster.simulator.requests()).length >= 2);
  });

  it('goes on with an answer whose coordinator was killed and came back', async () => {
    await cluster.simulator.faults('slow=x10');
    const reply = await post(cluster.url, { ...plain, stream: true, seed: 6 });
    let stream = '';
    let crash;
    for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) {
      stream += piece;
      if (stream.includes('"content":"') && stream.split('data:').length > 3) crash ??= cluster.crashCoordinator();
    }
    assert.ok(crash, stream);
    await crash;
    assert.ok(stream.endsWith('data: [DONE]\n\n'), stream);
    const id = reply.headers.get('x-moa-job-id');
    const job = await (await fetch(`${cluster.url}/v1/jobs/${id}`)).json();
    assert.equal(textOf(stream), job.answer);
  });

  it('passes on who asks: the model’s server gets the caller’s trace', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    assert.equal((await post(cluster.url, plain, { traceparent })).status, 200);
    const calls = await cluster.simulator.requests();
    assert.match(calls.at(-1).traceparent, /^00-4bf92f3577b34da6a3ce929d0e0e4736-/);
  });

  it('keeps pages of other origins out', async () => {
    assert.equal((await post(cluster.url, plain, { Origin: 'https://elsewhere.example' })).status, 403);
    const listed = await cluster.startGateway(['--cors-origin', 'https://app.example']);
    const url = `http://${listed.address('http')}`;
    const Origin = 'https://app.example';
    const preflight = await fetch(`${url}/v1/models`, {
      method: 'OPTIONS',
      headers: { Origin, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization' },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization');
    const models = await fetch(`${url}/v1/models`, { headers: { Origin } });
    assert.equal(models.status, 200);
    assert.equal(models.headers.get('access-control-allow-origin'), Origin);
  });

  it('lets in who has a token, and reads the tokens again', async () => {
    const file = path.join(cluster.folder, 'tokens');
    writeFileSync(file, 'first\n');
    const guarded = await cluster.startGateway(['--token-file', file]);
    const baseURL = `http://${guarded.address('http')}/v1`;
    const list = (apiKey) => new OpenAI({ baseURL, apiKey, maxRetries: 0 }).models.list();
    await assert.rejects(list('wrong'), OpenAI.AuthenticationError);
    assert.equal((await fetch(`${baseURL}/models`)).headers.get('www-authenticate'), 'Bearer');
    await list('first');
    writeFileSync(file, 'second\nthird\n');
    await eventually(() => list('third').then(() => true, () => false));
    await list('second');
    await assert.rejects(list('first'), OpenAI.AuthenticationError);
  });

  it('says when the queue is full', async () => {
    await cluster.simulator.faults('hang');
    const abort = new AbortController();
    // More than there is room for: a call below that comes first takes a place, and one of these is refused instead.
    const held = Array.from({ length: 80 }, () => post(cluster.url, plain, {}, { signal: abort.signal }).catch(() => {}));
    const openai = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const refused = await eventually(() => openai.chat.completions.create(plain, { timeout: 1000 }).catch((error) => error instanceof OpenAI.RateLimitError && error));
    assert.equal(refused.code, 'queue_full');
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    abort.abort();
    await Promise.all(held);
    await cluster.simulator.faults();
    await eventually(async () => (await post(cluster.url, plain)).ok);
    assert.match(await cluster.metrics(), /^moa_gateway_requests_open 0$/m);
  });

  it('ends what it has begun when it is told to stop', async () => {
    await cluster.simulator.faults('slow=700ms');
    const ending = await cluster.startGateway([]);
    const url = `http://${ending.address('http')}`;
    const answer = post(url, plain);
    await eventually(async () => /^moa_gateway_requests_open 1$/m.test(await (await fetch(`http://${ending.address('metrics')}/metrics`)).text()));
    const status = ending.stop();
    assert.equal((await answer).status, 200);
    assert.equal(await status, 0);
    await assert.rejects(fetch(`${url}/v1/models`));
  });

  it('goes on serving for a while when it is told to stop, and says that it should get nothing new', async (t) => {
    const lasting = async (delay) => {
      const gateway = await start('moa-gateway', ['--coordinator', cluster.coordinatorAddress, '--listen', '127.0.0.1:0',
        '--metrics-listen', '127.0.0.1:0', '--drain-delay', delay], ['http', 'metrics']);
      t.after(() => gateway.signal('SIGKILL'));
      await eventually(async () => (await fetch(`http://${gateway.address('metrics')}/readyz`)).ok);
      return gateway;
    };
    const gateway = await lasting('1h');
    gateway.signal('SIGTERM');
    const ready = async () => fetch(`http://${gateway.address('metrics')}/readyz`);
    await eventually(async () => (await ready()).status === 503);
    assert.equal(await (await ready()).text(), 'draining\n');
    assert.equal((await post(`http://${gateway.address('http')}`, plain)).status, 200);
    const ended = gateway.ended();
    gateway.signal('SIGTERM');
    assert.equal(await ended, 128 + 15);

    const brief = await lasting('400ms');
    const told = performance.now();
    assert.equal(await brief.stop(), 0);
    assert.ok(performance.now() - told >= 400);
  });
});
