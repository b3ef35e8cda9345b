// What Vercel's AI SDK does with a gateway, unchanged: through its default OpenAI provider, which speaks the Responses
// API, through the same provider's chat completions, and through the provider for compatible servers.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { digestPattern, eventually } from '../sim/server.mjs';
import { startCluster } from './cluster.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;
const prompt = 'What is a lease?';

const providers = {
  'the default provider (responses)': (baseURL) => createOpenAI({ baseURL, apiKey: 'any' }),
  'the OpenAI provider’s chat': (baseURL) => createOpenAI({ baseURL, apiKey: 'any' }).chat,
  'the provider for compatible servers': (baseURL) =>
    createOpenAICompatible({ name: 'moa', baseURL, apiKey: 'any', includeUsage: true, supportsStructuredOutputs: true }),
};

for (const [name, provide] of Object.entries(providers)) {
  describe(`the AI SDK with ${name}`, () => {
    let cluster, model;
    before(async () => {
      cluster = await startCluster({ flags: ['--keep-alive', '50ms'] });
      model = provide(`${cluster.url}/v1`);
    });
    beforeEach(() => cluster.simulator.faults());
    after(() => cluster.stop());

    const newestJob = async () => (await (await fetch(`${cluster.url}/v1/jobs?page_size=1`)).json()).jobs[0];
    const weather = (execute) =>
      tool({
        description: 'The weather somewhere',
        inputSchema: jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
        ...(execute && { execute }),
      });

    it('generates text, with the whole job’s usage', async () => {
      const { text, usage, finishReason, response } = await generateText({
        model: model('moa-lite'), system: 'Be brief.', prompt, temperature: 0.3, maxOutputTokens: 500, maxRetries: 0,
      });
      const job = await (await fetch(`${cluster.url}/v1/jobs/${response.headers['x-moa-job-id']}`)).json();
      assert.equal(text, job.answer);
      assert.equal(finishReason, 'stop');
      assert.equal(usage.inputTokens, job.usage.prompt_tokens);
      assert.equal(usage.outputTokens, job.usage.completion_tokens);
      const last = (await cluster.simulator.requests()).at(-1).request;
      assert.equal(last.temperature, 0.3);
      assert.equal(last.max_completion_tokens ?? last.max_tokens, 500);
    });

    it('streams text', async () => {
      const result = streamText({ model: model('moa-lite'), prompt, maxRetries: 0 });
      let text = '';
      let pieces = 0;
      for await (const piece of result.textStream) {
        text += piece;
        ++pieces;
      }
      assert.match(text, digestPattern);
      assert.ok(pieces >= 1);
      assert.equal(await result.finishReason, 'stop');
      assert.ok((await result.usage).totalTokens > 0);
    });

    it('gets a tool call, runs it, and goes on with its result', async () => {
      const asked = [];
      const options = {
        model: model('moa-lite'), prompt, maxRetries: 0,
        tools: { get_weather: weather(async ({ city }) => (asked.push(city), `21 C in ${city}`)) },
        toolChoice: 'required',
        prepareStep: ({ stepNumber }) => (stepNumber > 0 ? { toolChoice: 'auto' } : {}),
        stopWhen: stepCountIs(3),
      };
      const { steps, text } = await generateText(options);
      assert.equal(steps.length, 2);
      assert.equal(steps[0].finishReason, 'tool-calls');
      assert.equal(steps[0].toolCalls[0].toolName, 'get_weather');
      assert.match(text, digestPattern);
      const told = (await cluster.simulator.requests()).at(-1).request.messages;
      const result = told.find(({ role }) => role === 'tool');
      assert.equal(result.tool_call_id, steps[0].toolCalls[0].toolCallId);
      assert.match(JSON.stringify(result.content), /21 C in/);
      const call = told.find(({ tool_calls }) => tool_calls).tool_calls[0];
      assert.equal(call.id, result.tool_call_id);
      assert.deepEqual(JSON.parse(call.function.arguments), { city: asked[0] });

      const streamed = streamText(options);
      await streamed.consumeStream();
      assert.equal((await streamed.steps).length, 2);
      assert.equal((await streamed.steps)[0].toolCalls[0].toolName, 'get_weather');
      assert.match(await streamed.text, digestPattern);
      assert.equal(asked.length, 2);
    });

    it('goes on with a conversation that it was given back', async () => {
      const first = await generateText({ model: model('gpt-oss-120b'), prompt, maxRetries: 0 });
      const messages = [{ role: 'user', content: prompt }, ...first.response.messages, { role: 'user', content: 'And then?' }];
      const second = await generateText({ model: model('gpt-oss-120b'), messages, maxRetries: 0 });
      assert.match(second.text, digestPattern);
      const told = (await cluster.simulator.requests()).at(-1).request.messages;
      assert.deepEqual(told.map(({ role }) => role).filter((role) => role !== 'system'), ['user', 'assistant', 'user']);
      assert.equal(told.at(-2).content, first.text);
    });

    it('generates an object of a schema', async () => {
      const schema = jsonSchema({ type: 'object', properties: { why: { type: 'string' } }, required: ['why'], additionalProperties: false });
      const { object } = await generateObject({ model: model('moa-lite'), schema, prompt, maxRetries: 0 });
      assert.deepEqual(Object.keys(object), ['why']);
    });

    it('raises what went wrong, and tries again only where that helps', async () => {
      const failure = async (more, options = {}) => {
        try {
          await generateText({ model: model('moa-lite'), prompt, maxRetries: 0, ...more, ...options });
        } catch (error) {
          assert.ok(APICallError.isInstance(error), `${error?.name}: ${error?.message}`);
          return error;
        }
        return assert.fail('no error');
      };
      const invalid = await failure({ temperature: 9 });
      assert.equal(invalid.statusCode, 400);
      assert.equal(invalid.isRetryable, false);
      assert.match(invalid.message, /temperature/);
      assert.equal((await failure({ model: model('gpt-9') })).statusCode, 404);
      await cluster.simulator.faults('status=401');
      assert.equal((await failure({ model: model('gpt-oss-120b') })).statusCode, 502);
    });

    it('cancels the job when it is aborted', async () => {
      await cluster.simulator.faults('hang-stream,at=3');
      const abort = new AbortController();
      const result = streamText({ model: model('gpt-oss-120b'), prompt, abortSignal: abort.signal, maxRetries: 0, onError() {} });
      const parts = [];
      for await (const part of result.fullStream) {
        parts.push(part.type);
        if (part.type !== 'start-step') continue;
        await eventually(async () => (await newestJob())?.state === 'RUNNING');
        abort.abort();
      }
      assert.equal(parts.at(-1), 'abort');
      await eventually(async () => (await newestJob()).state === 'CANCELLED');
    });
  });
}
