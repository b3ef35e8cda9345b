// What the official OpenAI client does with a gateway, unchanged.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import OpenAI from 'openai';
import { digestPattern, eventually } from '../sim/server.mjs';
import { question, rejectsWith, startCluster, weatherTool } from './cluster.mjs';

describe('the OpenAI SDK', () => {
  let cluster, client;
  before(async () => {
    cluster = await startCluster({ flags: ['--keep-alive', '50ms'] });
    client = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'any', maxRetries: 0 });
  });
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());

  const jobOf = (id) => {
    const run = spawnSync(
      path.join(process.env.MOA_BIN_DIR, 'moactl'),
      ['--coordinator', cluster.coordinatorAddress, 'get', id, '-o', 'json'],
      { encoding: 'utf8' },
    );
    assert.ok(run.status < 2, run.stderr); // 1: it did not succeed
    return JSON.parse(run.stdout);
  };

  it('lists presets before models, and retrieves both', async () => {
    const all = (await client.models.list()).data;
    const owners = all.map((model) => model.owned_by);
    assert.deepEqual(owners, [...owners].sort().reverse());
    const ids = all.map((model) => model.id);
    assert.ok(ids.includes('moa') && ids.includes('gpt-oss-120b'), ids.join());
    assert.equal((await client.models.retrieve('moa')).owned_by, 'moa');
    assert.equal((await client.models.retrieve('gpt-oss-120b')).owned_by, 'cerebras');
    await rejectsWith(client.models.retrieve('gpt-9'), OpenAI.NotFoundError);
  });

  it('chats with a preset: the answer is the aggregator’s, the usage the whole job’s', async () => {
    const { data, response } = await client.chat.completions
      .create({ model: 'moa-lite', messages: question, temperature: 0.3, max_tokens: 500, user: 'u' })
      .withResponse();
    const job = jobOf(response.headers.get('x-moa-job-id'));
    assert.equal(data.id, `chatcmpl-${job.job_id}`);
    assert.equal(data.choices[0].message.content, job.answer);
    assert.equal(data.choices[0].finish_reason, 'stop');
    assert.equal(data.usage.prompt_tokens, job.usage.prompt_tokens);
    assert.equal(data.usage.completion_tokens, job.usage.completion_tokens);
    assert.ok(job.layers.length >= 2);
    const calls = await cluster.simulator.requests();
    const last = calls.at(-1).request;
    assert.equal(last.temperature, 0.3);
    assert.equal(last.max_completion_tokens ?? last.max_tokens, 500);
  });

  it('chats with a plain model, and the same seed gets the same answer', async () => {
    const ask = () =>
      client.chat.completions.create({ model: 'qwen-3.8-27b', messages: question, seed: 7, stop: ['never'] });
    const reply = await ask();
    assert.match(reply.choices[0].message.content, digestPattern);
    assert.equal(reply.moa.upstream_calls, 1);
    assert.equal((await ask()).choices[0].message.content, reply.choices[0].message.content);
  });

  it('streams what it gives whole, with the usage where that is asked for', async () => {
    const request = { model: 'moa-lite', messages: question, seed: 3 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' });
    const text = (field) => chunks.map((chunk) => chunk.choices[0]?.delta[field] ?? '').join('');
    assert.equal(text('content'), whole.choices[0].message.content);
    assert.equal(text('reasoning'), whole.choices[0].message.reasoning);
    assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.total_tokens, whole.usage.total_tokens);
  });

  it('passes tools to the aggregator, and takes their results', async () => {
    const request = { model: 'moa-lite', messages: question, tools: [weatherTool], tool_choice: 'required' };
    const reply = await client.chat.completions.create(request);
    assert.equal(reply.choices[0].finish_reason, 'tool_calls');
    const call = reply.choices[0].message.tool_calls[0];
    assert.equal(call.function.name, 'get_weather');
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ['city']);

    const final = await client.chat.completions.stream(request).finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.name, 'get_weather');

    const answer = await client.chat.completions.create({
      model: 'moa-lite',
      messages: [
        ...question,
        reply.choices[0].message,
        { role: 'tool', tool_call_id: call.id, content: [{ type: 'text', text: '21 C' }] },
      ],
      tools: [weatherTool],
    });
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });

  it('answers in the JSON of a schema', async () => {
    const schema = { type: 'object', properties: { why: { type: 'string' } }, required: ['why'], additionalProperties: false };
    const reply = await client.chat.completions.create({
      model: 'moa-lite',
      messages: question,
      response_format: { type: 'json_schema', json_schema: { name: 'verdict', description: 'd', strict: true, schema } },
    });
    assert.deepEqual(Object.keys(JSON.parse(reply.choices[0].message.content)), ['why']);
  });

  it('runs a mixture that the request itself describes', async () => {
    const reply = await client.chat.completions.create({
      model: 'gpt-oss-120b',
      messages: question,
      moa: { layers: [{ agents: [{ name: 'a', model: 'qwen-3.8-27b' }, { name: 'b', model: 'gpt-oss-120b' }] }], name: 'mine', deadline: '30s' },
    });
    assert.equal(reply.moa.upstream_calls, 3);
    assert.deepEqual(jobOf(reply.moa.job_id).layers[0].agents.map(({ agent }) => agent), ['a', 'b']);
  });

  it('an aborted stream cancels its job', async () => {
    await cluster.simulator.faults('hang-stream,at=3');
    const stream = await client.chat.completions.create({ model: 'gpt-oss-120b', messages: question, stream: true });
    let id;
    for await (const chunk of stream) {
      id ??= chunk.id.slice('chatcmpl-'.length);
      if (chunk.choices[0].delta.content || chunk.choices[0].delta.reasoning) stream.controller.abort();
    }
    await eventually(() => jobOf(id).state === 'CANCELLED');
    assert.match(await cluster.metrics(), /moa_gateway_requests_total\{route="\/v1\/chat\/completions",status="499"\} 1/);
  });

  it('an idempotency key gives the same job again, and refuses another one', async () => {
    const options = { headers: { 'Idempotency-Key': 'k1' } };
    const ask = (content) =>
      client.chat.completions.create({ model: 'gpt-oss-120b', messages: [{ role: 'user', content }] }, options);
    const first = await ask('One?');
    assert.deepEqual(await ask('One?'), first);
    await rejectsWith(ask('Two?'), OpenAI.ConflictError, (error) => assert.equal(error.code, 'idempotency_conflict'));
  });

  it('a request that is wrong is a BadRequestError with the field', async () => {
    const create = (more) => client.chat.completions.create({ model: 'moa-lite', messages: question, ...more });
    const wrong = (more, param, pattern = /./) =>
      rejectsWith(create(more), OpenAI.BadRequestError, (error) => {
        assert.equal(error.param, param);
        assert.equal(error.type, 'invalid_request_error');
        assert.match(error.message, pattern);
      });
    await wrong({ n: 2 }, 'n');
    await wrong({ logprobs: true }, 'logprobs');
    await wrong({ temperature: 9, top_p: 7 }, 'temperature', /temperature: .*top_p: /);
    await wrong({ min_p: 1 }, 'min_p', /unknown field/);
    await wrong({ messages: [] }, 'messages');
    await wrong({ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages[0].content[0].type');
    await wrong({ max_tokens: 1, max_completion_tokens: 2 }, 'max_tokens', /given twice/);
    await wrong({ moa: { deadline: 'soon' } }, 'moa.deadline');
    await wrong({ model: 'best-of-n', temperature: 1 }, 'model', /no aggregator/);
    await rejectsWith(create({ model: 'gpt-9' }), OpenAI.NotFoundError, (error) => assert.equal(error.code, 'model_not_found'));
  });

  it('a job that fails has the status of its error', async () => {
    await cluster.simulator.faults('status=401');
    const request = { model: 'gpt-oss-120b', messages: question };
    await rejectsWith(client.chat.completions.create(request), OpenAI.InternalServerError, (error) => {
      assert.equal(error.status, 502);
      assert.equal(error.code, 'unauthorized');
      assert.ok(error.headers.get('x-moa-job-id'));
    });
    await rejectsWith(client.chat.completions.create({ ...request, stream: true }), OpenAI.InternalServerError);
  });
});
