// What LangChain's OpenAI client does with a gateway, unchanged, over both of its APIs.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { digestPattern, eventually } from '../sim/server.mjs';
import { startCluster, weatherTool } from './cluster.mjs';

const question = 'What is a lease?';

for (const useResponsesApi of [false, true]) {
  describe(`LangChain over ${useResponsesApi ? 'responses' : 'chat completions'}`, () => {
    let cluster;
    before(async () => (cluster = await startCluster({ flags: ['--keep-alive', '50ms'] })));
    beforeEach(() => cluster.simulator.faults());
    after(() => cluster.stop());

    const chat = (model, more = {}) =>
      new ChatOpenAI({ model, apiKey: 'any', maxRetries: 0, useResponsesApi, configuration: { baseURL: `${cluster.url}/v1` }, ...more });
    const newestJob = async () => (await (await fetch(`${cluster.url}/v1/jobs?page_size=1`)).json()).jobs[0];
    const lastMessages = async () => (await cluster.simulator.requests()).at(-1).request.messages;

    it('chats, with the whole job’s usage', async () => {
      const reply = await chat('moa-lite', { temperature: 0.3, maxTokens: 500 }).invoke([new SystemMessage('Be brief.'), new HumanMessage(question)]);
      assert.match(reply.text, digestPattern);
      const { job_id } = await newestJob();
      const job = await (await fetch(`${cluster.url}/v1/jobs/${job_id}`)).json();
      assert.equal(reply.text, job.answer);
      assert.equal(reply.usage_metadata.input_tokens, job.usage.prompt_tokens);
      assert.equal(reply.usage_metadata.output_tokens, job.usage.completion_tokens);
    });

    it('streams', async () => {
      let whole;
      let pieces = 0;
      for await (const piece of await chat('gpt-oss-120b').stream(question)) {
        whole = whole ? whole.concat(piece) : piece;
        ++pieces;
      }
      assert.match(whole.text, digestPattern);
      assert.ok(pieces > 1);
      assert.ok(whole.usage_metadata.total_tokens > 0);
    });

    it('gets a tool call, and goes on with its result', async () => {
      const asked = await chat('moa-lite').bindTools([weatherTool], { tool_choice: 'get_weather' }).invoke(question);
      const [call] = asked.tool_calls;
      assert.equal(call.name, 'get_weather');
      assert.deepEqual(Object.keys(call.args), ['city']);
      let streamed;
      for await (const piece of await chat('moa-lite').bindTools([weatherTool], { tool_choice: 'get_weather' }).stream(question)) {
        streamed = streamed ? streamed.concat(piece) : piece;
      }
      assert.deepEqual(Object.keys(streamed.tool_calls[0].args), ['city']);

      for (const message of [asked, streamed]) {
        const [{ id }] = message.tool_calls;
        const answer = await chat('moa-lite')
          .bindTools([weatherTool])
          .invoke([new HumanMessage(question), message, new ToolMessage({ content: '21 C', tool_call_id: id })]);
        assert.match(answer.text, digestPattern);
        const told = await lastMessages();
        assert.equal(told.find(({ role }) => role === 'tool').tool_call_id, id);
        assert.equal(told.find(({ tool_calls }) => tool_calls).tool_calls[0].id, id);
      }
    });

    it('gets the JSON of a schema', async () => {
      const schema = z.object({ why: z.string() });
      const verdict = await chat('moa-lite').withStructuredOutput(schema, { name: 'verdict', method: 'jsonSchema', strict: true }).invoke(question);
      assert.deepEqual(Object.keys(verdict), ['why']);
    });

    it('raises what went wrong with its status', async () => {
      const status = (wanted, pattern) => (error) => {
        assert.equal(error.status, wanted, String(error));
        assert.match(error.message, pattern);
        return true;
      };
      await assert.rejects(chat('moa-lite', { temperature: 9 }).invoke(question), status(400, /temperature/));
      await assert.rejects(chat('gpt-9').invoke(question), status(404, /gpt-9|model/));
      await cluster.simulator.faults('status=401');
      await assert.rejects(chat('gpt-oss-120b').invoke(question), status(502, /./));
    });

    it('cancels the job when it is aborted', async () => {
      await cluster.simulator.faults('hang-stream,at=3');
      const abort = new AbortController();
      const running = (async () => {
        for await (const piece of await chat('gpt-oss-120b').stream(question, { signal: abort.signal })) assert.ok(piece);
      })();
      await eventually(async () => (await newestJob())?.state === 'RUNNING');
      abort.abort();
      await assert.rejects(running);
      await eventually(async () => (await newestJob()).state === 'CANCELLED');
    });
  });
}
