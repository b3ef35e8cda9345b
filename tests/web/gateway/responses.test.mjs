// What the official OpenAI client does with a gateway's Responses API, unchanged.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import OpenAI from 'openai';
import { digestPattern, eventually } from '../sim/server.mjs';
import { rejectsWith, startCluster } from './cluster.mjs';

const input = 'What is a lease?';
const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather somewhere',
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

describe('the OpenAI SDK’s responses', () => {
  let cluster, client;
  before(async () => {
    cluster = await startCluster({ flags: ['--keep-alive', '50ms'] });
    client = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'any', maxRetries: 0 });
  });
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());

  const jobOf = async (id) => (await fetch(`${cluster.url}/v1/jobs/${id}`)).json();
  const lastCall = async () => (await cluster.simulator.requests()).at(-1).request;

  it('answer with the aggregator’s text and the whole job’s usage', async () => {
    const { data, response } = await client.responses
      .create({
        model: 'moa-lite', input, instructions: 'Be brief.', temperature: 0.3, top_p: 0.9, max_output_tokens: 500,
        metadata: { a: 'b' }, user: 'u', store: false,
      })
      .withResponse();
    const job = await jobOf(response.headers.get('x-moa-job-id'));
    assert.equal(data.id, `resp_${job.job_id}`);
    assert.equal(data.status, 'completed');
    assert.equal(data.output_text, job.answer);
    assert.deepEqual(data.output.map(({ type }) => type), ['reasoning', 'message']);
    assert.equal(data.usage.input_tokens, job.usage.prompt_tokens);
    assert.equal(data.usage.output_tokens, job.usage.completion_tokens);
    assert.ok(data.moa.upstream_calls > 1);
    assert.deepEqual([data.metadata, data.temperature, data.instructions], [{ a: 'b' }, 0.3, 'Be brief.']);
    const last = await lastCall();
    assert.equal(last.temperature, 0.3);
    assert.equal(last.max_completion_tokens ?? last.max_tokens, 500);
    assert.ok(JSON.stringify(last.messages).includes('Be brief.'));
  });

  it('stream what they give whole', async () => {
    const request = { model: 'gpt-oss-120b', input, moa: { aggregator: { seed: 3 } } };
    const whole = await client.responses.create(request);
    const events = [];
    for await (const event of await client.responses.create({ ...request, stream: true })) events.push(event);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
    assert.equal(events[0].type, 'response.created');
    assert.equal(events[1].type, 'response.in_progress');
    const text = (type) => events.filter((event) => event.type === type).map(({ delta }) => delta).join('');
    assert.equal(text('response.output_text.delta'), whole.output_text);
    assert.equal(text('response.reasoning_text.delta'), whole.output[0].content[0].text);
    const { type, response } = events.at(-1);
    assert.equal(type, 'response.completed');
    const unlike = { id: 0, created_at: 0, output: 0, moa: 0, output_text: whole.output_text };
    assert.deepEqual({ ...response, ...unlike }, { ...whole, ...unlike });
    assert.deepEqual(response.output.map(({ content }) => content), whole.output.map(({ content }) => content));
  });

  it('stream through the helper, which puts events together', async () => {
    const stream = client.responses.stream({ model: 'moa-lite', input });
    let snapshot;
    stream.on('response.output_text.delta', (event) => (snapshot = event.snapshot));
    const final = await stream.finalResponse();
    const { text } = final.output.at(-1).content[0];
    assert.match(text, digestPattern);
    assert.equal(snapshot, text);
  });

  it('say that a stream goes on while agents work, by beginning it', async () => {
    await cluster.simulator.faults('slow=400ms,model=qwen-3.8-27b');
    const reply = await fetch(`${cluster.url}/v1/responses`, {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-oss-120b', input, stream: true, moa: { layers: [{ agents: [{ name: 'a', model: 'qwen-3.8-27b' }] }] } }),
    });
    const stream = await reply.text();
    assert.match(stream, /^event: response.created\ndata: .*\n\nevent: response.in_progress\ndata: .*\n\n(: keep-alive\n\n)+event: response.output_item.added/);
    assert.ok(!stream.includes('[DONE]'));
  });

  it('call functions, and go on with their results: as items, and by the response’s id', async () => {
    const request = { model: 'moa-lite', input, tools: [weather], tool_choice: 'required' };
    const asked = await client.responses.create(request);
    const call = asked.output.at(-1);
    assert.equal(call.type, 'function_call');
    assert.equal(call.name, 'get_weather');
    assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ['city']);
    const final = await client.responses.stream(request).finalResponse();
    assert.equal(final.output.at(-1).name, 'get_weather');

    const result = { type: 'function_call_output', call_id: call.call_id, output: '21 C' };
    const whole = await client.responses.create({
      model: 'moa-lite', tools: [weather], input: [{ role: 'user', content: input }, ...asked.output, result],
    });
    assert.match(whole.output_text, digestPattern);
    const told = (await lastCall()).messages;
    const followed = await client.responses.create({
      model: 'moa-lite', tools: [weather], input: [result], previous_response_id: asked.id,
    });
    assert.equal(followed.previous_response_id, asked.id);
    const referred = await client.responses.create({
      model: 'moa-lite', tools: [weather],
      input: [{ role: 'user', content: input }, ...asked.output.map(({ id }) => ({ type: 'item_reference', id })), result],
    });
    assert.match(referred.output_text, digestPattern);
    const shape = (messages) => messages.slice(-4).map(({ role, content, tool_calls }) => ({ role, content: tool_calls ? '' : content, tool_calls }));
    const ofUser = (messages) => messages.filter(({ role }) => role === 'tool' || role === 'assistant');
    assert.deepEqual(shape(ofUser((await lastCall()).messages)), shape(ofUser(told)));
    assert.ok(ofUser(told).length >= 2);
  });

  it('refuse items and responses that are not there', async () => {
    const wrong = (more, param, code = null) =>
      rejectsWith(client.responses.create({ model: 'moa-lite', input, ...more }), OpenAI.BadRequestError, (error) => {
        assert.equal(error.param, param);
        assert.equal(error.code, code);
      });
    const unknown = '01M8Q80FZHGC6WBYK012XS348K';
    await wrong({ previous_response_id: `resp_${unknown}` }, 'previous_response_id');
    for (const id of [`msg_${unknown}`, 'msg_x']) {
      await wrong({ input: [{ type: 'item_reference', id }, { role: 'user', content: input }] }, 'input[0]', 'item_not_found');
    }
  });

  it('answer in the JSON of a schema', async () => {
    const schema = { type: 'object', properties: { why: { type: 'string' } }, required: ['why'], additionalProperties: false };
    const reply = await client.responses.parse({
      model: 'moa-lite', input, text: { format: { type: 'json_schema', name: 'verdict', description: 'd', strict: true, schema } },
    });
    assert.deepEqual(Object.keys(reply.output_parsed), ['why']);
  });

  it('are incomplete when the answer was cut', async () => {
    const request = { model: 'gpt-oss-120b', input, max_output_tokens: 40 };
    const reply = await client.responses.create(request);
    assert.equal(reply.status, 'incomplete');
    assert.equal(reply.incomplete_details.reason, 'max_output_tokens');
    const events = [];
    for await (const event of await client.responses.create({ ...request, stream: true })) events.push(event.type);
    assert.equal(events.at(-1), 'response.incomplete');
  });

  it('cancel their job when they are aborted', async () => {
    await cluster.simulator.faults('hang-stream,at=3');
    const stream = await client.responses.create({ model: 'gpt-oss-120b', input, stream: true });
    let id;
    for await (const event of stream) {
      id ??= event.response.id.slice('resp_'.length);
      if (event.type.endsWith('.delta')) stream.controller.abort();
    }
    await eventually(async () => (await jobOf(id)).state === 'CANCELLED');
    assert.match(await cluster.metrics(), /moa_gateway_requests_total\{route="\/v1\/responses",status="499"\} 1/);
  });

  it('are the same again for an idempotency key', async () => {
    const options = { headers: { 'Idempotency-Key': 'k1' } };
    const ask = (text) => client.responses.create({ model: 'gpt-oss-120b', input: text }, options);
    const first = await ask('One?');
    assert.deepEqual(await ask('One?'), first);
    await rejectsWith(ask('Two?'), OpenAI.ConflictError, (error) => assert.equal(error.code, 'idempotency_conflict'));
  });

  it('tell what is wrong with the field, and what failed with its status', async () => {
    const wrong = (more, param, pattern = /./) =>
      rejectsWith(client.responses.create({ model: 'moa-lite', input, ...more }), OpenAI.BadRequestError, (error) => {
        assert.equal(error.param, param);
        assert.match(error.message, pattern);
      });
    await wrong({ temperature: 9, top_p: 7 }, 'temperature', /temperature: .*top_p: /);
    await wrong({ reasoning: { effort: 'utmost' } }, 'reasoning.effort');
    await wrong({ text: { format: { type: 'json_schema', name: 'a b', schema: {} } } }, 'text.format.name');
    await wrong({ background: true }, 'background');
    await wrong({ tools: [{ type: 'web_search' }] }, 'tools[0].type');
    await wrong({ input: [{ role: 'assistant', content: 'Hm.' }] }, 'input[0].role', /must end/);
    await rejectsWith(client.responses.create({ model: 'gpt-9', input }), OpenAI.NotFoundError, (error) => assert.equal(error.code, 'model_not_found'));
    await cluster.simulator.faults('status=401');
    await rejectsWith(client.responses.create({ model: 'gpt-oss-120b', input }), OpenAI.InternalServerError, (error) => {
      assert.equal(error.status, 502);
      assert.equal(error.code, 'unauthorized');
    });
  });

  it('end in response.failed when the job fails after the stream has begun', async () => {
    await cluster.simulator.faults('hang-stream,at=3');
    const events = [];
    for await (const event of await client.responses.create({ model: 'gpt-oss-120b', input, stream: true })) {
      events.push(event);
      if (events.length > 2) continue;
      const id = event.response.id.slice('resp_'.length);
      if (events.length === 2) await fetch(`${cluster.url}/v1/jobs/${id}/cancel`, { method: 'POST', body: '{"reason":"enough"}' });
    }
    const { type, response } = events.at(-1);
    assert.equal(type, 'response.failed');
    assert.equal(response.status, 'failed');
    assert.equal(response.error.code, 'cancelled');
    assert.match(response.error.message, /enough/);
  });
});
