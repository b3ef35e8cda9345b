// What both official clients must be able to do with the simulator, as one suite run for each.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { digestPattern, eventually, startSimulator } from './server.mjs';

const question = [{ role: 'user', content: 'What is a lease?' }];
const weatherTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather somewhere',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['C', 'F'] } },
      required: ['city', 'unit'],
      additionalProperties: false,
    },
    strict: true,
  },
};

// `connect({ url, apiKey, maxRetries, timeout })` makes a client; `errors` is the class that carries the
// error classes. `readsFlatErrors`: the client understands the service's error bodies, which are not nested
// under "error" (the OpenAI SDK does not, here as with the real service: it has the status only).
export function describeClient(name, connect, errors, { readsFlatErrors }) {
  const tells = (error, text) => !readsFlatErrors || JSON.stringify(error).includes(text);
  describe(name, () => {
    let simulator;
    let client;
    const withRetries = (maxRetries, more = {}) =>
      connect({ url: simulator.url, apiKey: 'csk-test', maxRetries, ...more });
    const rejectsWith = (promise, kind, status) =>
      assert.rejects(promise, (error) => {
        assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error?.message}`);
        if (status !== undefined) assert.equal(error.status, status);
        return true;
      });

    before(async () => {
      simulator = await startSimulator(['--api-key', 'csk-test']);
      client = withRetries(0);
    });
    beforeEach(() => simulator.faults());
    after(async () => assert.equal(await simulator.stop(), 0));

    it('lists and retrieves models', async () => {
      const ids = (await client.models.list()).data.map((model) => model.id);
      assert.ok(ids.includes('gpt-oss-120b') && ids.includes('qwen-3.8-27b'), ids.join());
      assert.equal((await client.models.retrieve('gpt-oss-120b')).owned_by, 'Cerebras');
    });

    it('chats, and the same request gets the same answer', async () => {
      const ask = () =>
        client.chat.completions.create({ model: 'gpt-oss-120b', messages: question, seed: 7 });
      const reply = await ask();
      const [, model, messages, , saw] = digestPattern.exec(reply.choices[0].message.content);
      assert.deepEqual([model, messages, saw], ['gpt-oss-120b', '1', '-']);
      assert.equal(reply.choices[0].finish_reason, 'stop');
      assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
      assert.equal((await ask()).choices[0].message.content, reply.choices[0].message.content);
    });

    it('streams the answer that it gives whole', async () => {
      const request = { model: 'qwen-3.8-27b', messages: question, seed: 3 };
      const whole = await client.chat.completions.create(request);
      const stream = await client.chat.completions.create({ ...request, stream: true });
      let content = '';
      let reasoning = '';
      let last;
      for await (const chunk of stream) {
        content += chunk.choices[0].delta.content ?? '';
        reasoning += chunk.choices[0].delta.reasoning ?? '';
        last = chunk;
      }
      assert.equal(content, whole.choices[0].message.content);
      assert.equal(reasoning, whole.choices[0].message.reasoning);
      assert.equal(last.choices[0].finish_reason, 'stop');
      assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
      assert.ok(last.time_info);
    });

    it('tells which earlier answers a prompt held', async () => {
      const first = await client.chat.completions.create({ model: 'gpt-oss-120b', messages: question });
      const answer = first.choices[0].message.content;
      const second = await client.chat.completions.create({
        model: 'gpt-oss-120b',
        messages: [{ role: 'user', content: `Improve on this:\n${answer}` }],
      });
      assert.equal(
        digestPattern.exec(second.choices[0].message.content)[4],
        digestPattern.exec(answer)[3],
      );
    });

    it('calls a required tool with arguments that fit its schema', async () => {
      const request = {
        model: 'gpt-oss-120b',
        messages: question,
        tools: [weatherTool],
        tool_choice: 'required',
      };
      const reply = await client.chat.completions.create(request);
      assert.equal(reply.choices[0].finish_reason, 'tool_calls');
      const call = reply.choices[0].message.tool_calls[0];
      assert.equal(call.function.name, 'get_weather');
      const parsed = JSON.parse(call.function.arguments);
      assert.deepEqual(Object.keys(parsed), ['city', 'unit']);
      assert.ok(['C', 'F'].includes(parsed.unit));

      const stream = await client.chat.completions.create({ ...request, stream: true });
      let text = '';
      for await (const chunk of stream) {
        text += chunk.choices[0].delta.tool_calls?.[0]?.function?.arguments ?? '';
      }
      assert.deepEqual(JSON.parse(text), parsed);

      const after = await client.chat.completions.create({
        model: 'gpt-oss-120b',
        messages: [
          ...question,
          { role: 'assistant', tool_calls: [call] },
          { role: 'tool', tool_call_id: call.id, content: '21 C' },
        ],
        tools: [weatherTool],
      });
      assert.equal(after.choices[0].finish_reason, 'stop');
    });

    it('answers in the JSON of a schema', async () => {
      const reply = await client.chat.completions.create({
        model: 'gpt-oss-120b',
        messages: question,
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'verdict',
            strict: true,
            schema: {
              type: 'object',
              properties: {
                score: { type: 'integer' },
                why: { type: 'string' },
                parts: { type: 'array', items: { type: 'boolean' } },
              },
              required: ['score', 'why', 'parts'],
              additionalProperties: false,
            },
          },
        },
      });
      const parsed = JSON.parse(reply.choices[0].message.content);
      assert.ok(Number.isInteger(parsed.score));
      assert.match(parsed.why, digestPattern);
      assert.equal(typeof parsed.parts[0], 'boolean');
    });

    it('raises AuthenticationError for a wrong key', async () => {
      const stranger = connect({ url: simulator.url, apiKey: 'csk-wrong', maxRetries: 0 });
      await rejectsWith(stranger.models.list(), errors.AuthenticationError, 401);
      await rejectsWith(
        stranger.chat.completions.create({ model: 'gpt-oss-120b', messages: question }),
        errors.AuthenticationError,
        401,
      );
    });

    it('raises NotFoundError for unknown and retired models', async () => {
      for (const [model, code] of [
        ['gpt-9', 'model_not_found'],
        ['llama-3.3-70b', 'model_archived'],
      ]) {
        await assert.rejects(
          client.chat.completions.create({ model, messages: question }),
          (error) => error instanceof errors.NotFoundError && tells(error, code),
        );
      }
    });

    it('raises BadRequestError that names an unknown property', async () => {
      await assert.rejects(
        client.chat.completions.create({ model: 'gpt-oss-120b', messages: question, store: true }),
        (error) => error instanceof errors.BadRequestError && tells(error, 'body.store'),
      );
    });

    it('raises RateLimitError and InternalServerError once retries are off', async () => {
      const ask = () => client.chat.completions.create({ model: 'gpt-oss-120b', messages: question });
      await simulator.faults('status=429');
      await rejectsWith(ask(), errors.RateLimitError, 429);
      await simulator.faults('status=500');
      await rejectsWith(ask(), errors.InternalServerError, 500);
      await simulator.faults('status=403:html');
      await rejectsWith(ask(), errors.PermissionDeniedError, 403);
    });

    it('retries by its own policy and then succeeds', async () => {
      await simulator.faults('status=503:html,first=2');
      const patient = withRetries(2);
      const reply = await patient.chat.completions.create({ model: 'gpt-oss-120b', messages: question });
      assert.match(reply.choices[0].message.content, digestPattern);
      const seen = (await simulator.requests()).slice(-3);
      assert.deepEqual(seen.map((request) => request.status), [503, 503, 200]);
    });

    it('gives up at once when x-should-retry says so', async () => {
      await simulator.faults('status=429:queue');
      const before = (await simulator.stats()).requests_total;
      await rejectsWith(
        withRetries(2).chat.completions.create({ model: 'gpt-oss-120b', messages: question }),
        errors.RateLimitError,
      );
      assert.equal((await simulator.stats()).requests_total, before + 1);
    });

    it('retries after a reset connection', async () => {
      await simulator.faults('reset,first=1');
      const reply = await withRetries(1).chat.completions.create({
        model: 'gpt-oss-120b',
        messages: question,
      });
      assert.match(reply.choices[0].message.content, digestPattern);
    });

    it('raises an error object in the middle of a stream', async () => {
      for (const fault of ['error-event,at=3', 'reset-stream,at=3']) {
        await simulator.faults(fault);
        const stream = await client.chat.completions.create({
          model: 'gpt-oss-120b',
          messages: question,
          stream: true,
        });
        let chunks = 0;
        await assert.rejects(async () => {
          for await (const chunk of stream) chunks += chunk.choices.length;
        });
        // A reset may overtake what the client had received but not read.
        assert.ok(fault.startsWith('reset') ? chunks <= 3 : chunks === 3, `${fault}: ${chunks}`);
      }
    });

    it('reads streams that are cut in awkward places', async () => {
      for (const fault of ['split-utf8', 'split-lines', 'crlf', 'comments', 'content-and-reasoning']) {
        await simulator.faults(fault);
        const stream = await client.chat.completions.create({
          model: 'gpt-oss-120b',
          messages: question,
          stream: true,
        });
        let content = '';
        for await (const chunk of stream) content += chunk.choices[0].delta.content ?? '';
        assert.match(content, digestPattern, fault);
        assert.ok(!content.includes('\ufffd'), fault);
      }
    });

    it('closes the connection when a stream is aborted', async () => {
      await simulator.faults('hang-stream,at=3');
      const stream = await client.chat.completions.create({
        model: 'gpt-oss-120b',
        messages: question,
        stream: true,
      });
      await stream[Symbol.asyncIterator]().next();
      stream.controller.abort();
      await eventually(async () => (await simulator.requests()).at(-1).outcome === 'client_closed');
    });

    it('gives up on a server that hangs', async () => {
      await simulator.faults('hang');
      await rejectsWith(
        withRetries(0, { timeout: 200 }).chat.completions.create({
          model: 'gpt-oss-120b',
          messages: question,
        }),
        errors.APIConnectionTimeoutError,
      );
      await eventually(async () => (await simulator.requests()).at(-1).outcome === 'client_closed');
    });
  });
}
