// What comes back for what no decent client sends, row by row of the table in docs/gateway.md; and that nothing is left
// of it: the gateway serves, its memory is bounded, no job runs on.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../sim/server.mjs';
import { question, startCluster } from './cluster.mjs';

const document = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../../../docs/gateway.md');
const flags = ['--keep-alive', '100ms', '--max-body-mib', '1', '--header-timeout', '500ms',
  '--body-timeout', '500ms', '--write-timeout', '500ms', '--idle-timeout', '2s'];
const plain = { model: 'gpt-oss-120b', messages: question };
const spec = JSON.stringify(plain);

const post = (body, headers = '', where = '/v1/chat/completions') =>
  Buffer.concat([Buffer.from(`POST ${where} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`), Buffer.from(body)]);
const get = (target, headers = 'Host: localhost\r\n', method = 'GET') => `${method} ${target} HTTP/1.1\r\n${headers}\r\n`;
const chunked = (text, headers = 'Transfer-Encoding: chunked\r\n') =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${text}`;
const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

// The rows of the document with what is sent for each: bytes, or pieces with pauses between them.
const rows = {
  'a request line and headers above 64 KiB, or above 200 headers': [
    get('/v1/models', `Host: localhost\r\nX: ${'a'.repeat(70_000)}\r\n`),
    get(`/${'a'.repeat(70_000)}`),
    get('/v1/models', `Host: localhost\r\n${'X: a\r\n'.repeat(300)}`),
  ],
  'a body above `--max-body-mib`, by its length or by its chunks': [
    chunked('', 'Content-Length: 1048577\r\n'),
    chunked(`${(2 << 20).toString(16)}\r\n${'a'.repeat(2 << 20)}\r\n0\r\n\r\n`),
    chunked('', 'Content-Length: 9223372036854775807\r\n'),
  ],
  'headers that are not whole within `--header-timeout`': [
    ['GET /v1/models HTTP/1.1\r\n', ...'X-Slow: aaaaaaaaaaaaaaaaaaaaaaaa'],
    ['GET'],
  ],
  'a body that is not whole within `--body-timeout`': [
    [chunked('{"model":', 'Content-Length: 100\r\n'), ...'"aaaaaaaaaaaaaaaaaaaaaaaa'],
    [chunked('5\r\nab')],
  ],
  'what is not HTTP/1.1, or means two things': [
    'hello\r\n\r\n',
    'GET /v1/models\r\n\r\n',
    'GET /v1/models HTTP/3.7\r\nHost: localhost\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS, perhaps\r\n\r\n',
    get('/v1/models', 'Host: localhost\r\nX: a\0b\r\n'),
    get('/v1/models', 'Host: localhost\r\nX\0: a\r\n'),
    get('/v1/models', 'Host: localhost\r\nX : a\r\n'),
    get('/v1/models', 'Host: localhost\r\nno colon\r\n'),
    get('/v1/mo\0dels'),
    get('/v1/models', 'Host: localhost\r\nHost: elsewhere\r\n'),
    chunked(spec, `Content-Length: ${spec.length}\r\nTransfer-Encoding: chunked\r\n`),
    chunked(`0\r\n\r\n${spec}`, `Transfer-Encoding: chunked\r\nContent-Length: ${spec.length}\r\n`),
    chunked(spec, `Content-Length: ${spec.length}\r\nContent-Length: 5\r\n`),
    chunked(spec, `Content-Length: ${spec.length}\r\nContent-Length: ${spec.length}\r\n`),
    chunked(spec, `Content-Length: +${spec.length}\r\n`),
    chunked(spec, 'Content-Length: -1\r\n'),
    chunked(spec, 'Content-Length: 0x10\r\n'),
    chunked(spec, 'Content-Length: 99999999999999999999999\r\n'),
    chunked(`5\r\n${spec}\r\n0\r\n\r\n`),
    chunked('zz\r\nab\r\n0\r\n\r\n'),
    chunked('-1\r\nab\r\n0\r\n\r\n'),
    chunked('ffffffffffffffffff\r\nab\r\n'),
    chunked('0\r\n\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'),
    chunked('0\r\n\r\n', 'Transfer-Encoding: xchunked\r\n'),
    chunked('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked\r\n'),
    chunked(spec, 'Transfer-Encoding: identity\r\n'),
  ],
  'JSON that is none, nested above 64 levels, with a key twice, or not UTF-8': ['/v1/chat/completions', '/v1/responses', '/v1/jobs'].flatMap((where) =>
    ['', '{', '{"model":"a",}', "{'model':'a'}", '{"model":"a"} x', '/**/{}', '{"a":NaN}', '{"a":01}', '{"model":"a","model":"b"}',
      `{"messages":${nested(100)}}`, nested(200_000), '{"model":"a\u0000"}', '{"model":"\\ud800"}', '{"model":"\\udc00\\ud800"}', '{"model":"\\x41"}',
      '\ufeff{}', '[]', 'null', '"text"', '7',
      Buffer.from('7b226d6f64656c223a22ff227d', 'hex'), Buffer.from('7b226d6f64656c223a22c0af227d', 'hex')].map((body) => post(body, '', where))),
  'a value of another type, or a number that is too large': [
    { temperature: '1' }, { top_p: [] }, { max_tokens: 1.5 }, { max_completion_tokens: -1 }, { stop: {} }, { seed: 'x' }, { stream: 1 },
    { messages: 'Why?' }, { messages: [7] }, { messages: [{ role: 7, content: 'x' }] }, { messages: [{ role: 'user', content: 7 }] },
    { messages: [{ role: 'user', content: [7] }] }, { model: [] }, { tools: {} }, { tools: [7] }, { tool_choice: 7 }, { response_format: 'json' },
    { stream_options: 7 }, { moa: [] }, { moa: { layers: 7 } }, { moa: { deadline: 30 } }, { moa: { budget: [] } }, { n: {} }, { reasoning_effort: 7 },
  ].map((more) => post(JSON.stringify({ ...plain, ...more })))
    .concat(['1e999', '99999999999999999999', '1e30', '-0.5'].map((number) => post(spec.replace('{', `{"max_tokens":${number},`))))
    .concat(post(spec.replace('{', '{"temperature":1e999,'))),
  'a path that there is not, however it is written': [
    '/v1', '/v2/models', '/v1/models/', '//v1/models', '/v1//models', '/v1/./models', '/v1/../v1/models', '/%76%31/models', '/v1%2fmodels',
    '/../../etc/passwd', '/assets/../../etc/passwd', '/assets/%2e%2e/%2e%2e/etc/passwd', '/assets/..%5c..%5cetc', '/v1/jobs/..%2f..%2fadmin/x',
    '/v1/models/%2e%2e', '/v1/presets/%00', '/v1/presets/..%2f..%2fetc%2fpasswd', 'http://elsewhere.example/v1/models', '*',
  ].map((target) => get(target)),
  'another method': [
    ...['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'BREW'].map((method) => get('/v1/models', 'Host: localhost\r\nContent-Length: 0\r\n', method)),
    ...['/v1/chat/completions', '/v1/responses'].map((where) => get(where)),
    get('/', 'Host: localhost\r\nContent-Length: 0\r\n', 'POST'),
  ],
  'a `Host` or an `Origin` that is not the gateway\'s, where there are no tokens': [
    get('/v1/models', 'Host: elsewhere.example\r\n'),
    get('/v1/models', 'Host: localhost.elsewhere.example\r\n'),
    get('/v1/models', 'Host: localhost@elsewhere.example\r\n'),
    get('/v1/models', 'Host: [::1\r\n'),
    get('/v1/models', 'Host: localhost\r\nOrigin: https://elsewhere.example\r\n'),
    get('/v1/models', 'Host: localhost\r\nOrigin: null\r\n'),
    get('/v1/models', 'Host: elsewhere.example\r\nOrigin: http://elsewhere.example\r\n'),
  ],
  'no token, a wrong one, or another scheme, where there are tokens': [
    '', 'Authorization: Bearer wrong\r\n', 'Authorization: Bearer \r\n', 'Authorization: Bearer\r\n', 'Authorization: right\r\n',
    'Authorization: Basic right\r\n', `Authorization: Bearer ${'a'.repeat(60_000)}\r\n`, 'Authorization: Bearer right, right\r\n',
  ].map((header) => get('/v1/models', `Host: localhost\r\n${header}`)),
};

// The label of each row with the statuses it names: "| label | 431 |".
function documented() {
  const section = /\n## Bounds\n([^]*?)\n(## |$)/.exec(readFileSync(document, 'utf8'))?.[1] ?? '';
  return Object.fromEntries([...section.matchAll(/^\| (.+?) \| (\d{3}|closed) \|/gm)].map(([, label, answer]) => [label, answer]));
}

describe('a gateway that is sent what no decent client sends', () => {
  let cluster, guarded;
  before(async () => {
    cluster = await startCluster({ flags });
    const file = path.join(cluster.folder, 'tokens');
    writeFileSync(file, 'right\n');
    guarded = await cluster.startGateway(['--token-file', file]);
  });
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());

  const portOf = (gateway) => Number(gateway.address('http').split(':').at(-1));
  const connect = (gateway = cluster.gateway) =>
    new Promise((resolve, reject) => {
      const socket = net.connect(portOf(gateway), '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    });
  // What comes back until the gateway closes or has given one whole answer.
  async function answer(sent, gateway) {
    const socket = await connect(gateway);
    let received = '';
    socket.removeAllListeners('error').on('error', () => {}); // a reset: what came before it counts
    const done = new Promise((resolve) => {
      socket.on('data', (data) => {
        received += data.toString('latin1');
        const length = /\r\ncontent-length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n([^]*)/i.exec(received);
        if (length && length[2].length >= Number(length[1])) resolve();
      });
      socket.on('close', resolve);
    });
    for (const piece of Array.isArray(sent) ? sent : [sent]) {
      socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
      if (Array.isArray(sent)) await Promise.race([pause(40), done]);
    }
    await done;
    socket.destroy();
    return received;
  }
  const jobs = async () => {
    const { as_of, ...counts } = await (await fetch(`${cluster.url}/v1/jobs/count`)).json();
    return counts;
  };
  const memoryMib = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${cluster.gateway.pid}/status`, 'utf8'))[1]) / 1024;

  // A normal request is served, and nothing of the others is left.
  async function isWell() {
    const reply = await fetch(`${cluster.url}/v1/chat/completions`, { method: 'POST', body: spec });
    assert.equal(reply.status, 200);
    await eventually(async () => {
      const count = await jobs();
      return count.RUNNING === 0 && count.QUEUED === 0;
    });
    await eventually(async () => /^moa_gateway_requests_open 0$/m.test(await cluster.metrics()));
  }

  it('has the table of docs/gateway.md', () => {
    const expected = documented();
    const silent = Object.keys(expected).filter((label) => !(label in rows) && expected[label] !== 'closed' && expected[label] !== '503');
    assert.deepEqual([silent, Object.keys(rows).filter((label) => !(label in expected))], [[], []]);
  });

  for (const [label, inputs] of Object.entries(rows)) {
    it(`answers ${label} with ${documented()[label]}`, async () => {
      const status = documented()[label];
      const gateway = label.endsWith('where there are tokens') ? guarded : cluster.gateway;
      const before = await jobs();
      for (const [index, input] of inputs.entries()) {
        const received = await answer(input, gateway);
        const shown = `input ${index}: ${String(input).slice(0, 200)}\n→ ${received.slice(0, 400)}`;
        assert.match(received, new RegExp(`^HTTP/1.1 ${status} `), shown);
        // One answer: nothing of the body was taken for a second request.
        assert.equal(received.match(/HTTP\/1\.1 \d/g).length, 1, shown);
        if (!/text\/plain/.test(received)) assert.equal(typeof JSON.parse(received.split('\r\n\r\n')[1]).error.message, 'string', shown);
      }
      assert.deepEqual(await jobs(), before, 'a job was made of it');
      await isWell();
    });
  }

  it('answers every field of every type with an answer or with what is wrong in it', async () => {
    const values = ['null', 'true', '500', '-1', '1.5', '""', '"x"', '[]', '{}', '[[]]', '[null]', '{"":{}}'];
    const requests = {
      '/v1/chat/completions': [plain, ['model', 'messages', 'temperature', 'top_p', 'max_completion_tokens', 'stop', 'seed', 'presence_penalty', 'reasoning_effort',
        'response_format', 'tools', 'tool_choice', 'parallel_tool_calls', 'stream_options', 'moa', 'n', 'logprobs', 'logit_bias', 'modalities', 'unknown']],
      '/v1/responses': [{ model: 'gpt-oss-120b', input: 'Why?' }, ['model', 'input', 'instructions', 'temperature', 'top_p', 'max_output_tokens', 'reasoning', 'text', 'tools',
        'tool_choice', 'previous_response_id', 'include', 'truncation', 'background', 'conversation', 'moa', 'unknown']],
    };
    for (const [where, [request, fields]] of Object.entries(requests)) {
      for (const field of fields) {
        for (const value of values) {
          const { [field]: _, ...rest } = request;
          const body = JSON.stringify(rest).replace('{', `{"${field}":${value},`).replace(',}', '}');
          const reply = await fetch(cluster.url + where, { method: 'POST', body });
          const text = await reply.text();
          const shown = `${where} ${field}: ${value} → ${reply.status} ${text.slice(0, 200)}`;
          assert.ok([200, 400, 404].includes(reply.status), shown);
          if (reply.status !== 200) assert.equal(JSON.parse(text).error.type, 'invalid_request_error', shown);
        }
      }
    }
    await isWell();
  });

  it('closes a connection that says nothing, and one that does not read', async () => {
    assert.equal(await answer([]), '');
    const socket = await connect();
    socket.pause();
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    const port = (number) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
    const established = () =>
      readFileSync('/proc/net/tcp', 'utf8').split('\n').some((line) => {
        const [, local, remote, state] = line.trim().split(/\s+/);
        return local?.endsWith(port(portOf(cluster.gateway))) && remote.endsWith(port(socket.localPort)) && state === '01';
      });
    assert.ok(established());
    // Answers that are not read fill every buffer; then no byte is taken for --write-timeout.
    const request = get('/v1/presets');
    for (let i = 0; i < 20_000; ++i) socket.write(request);
    await eventually(() => !established());
    let answers = 0;
    socket.on('data', (data) => (answers += data.toString('latin1').split('HTTP/1.1 200').length - 1));
    socket.resume();
    await closed;
    assert.ok(answers < 20_000, 'all was kept for it');
    await isWell();
  });

  it('cancels what a client has left, wherever that was', async () => {
    await cluster.simulator.faults('hang');
    for (const body of [spec, JSON.stringify({ ...plain, stream: true })]) {
      for (const cut of [10, 60, 0]) {
        const socket = await connect();
        const whole = post(body);
        socket.write(cut ? whole.subarray(0, cut) : whole);
        if (!cut) await eventually(async () => (await jobs()).RUNNING > 0);
        socket.resetAndDestroy();
        await eventually(async () => (await jobs()).RUNNING === 0);
      }
    }
    await cluster.simulator.faults();
    await isWell();
  });

  // Opens so many connections that say nothing; `heard` gets what comes back.
  const openMany = (count, gateway, heard = () => {}) =>
    Promise.all(Array.from({ length: count }, async () => {
      const socket = await connect(gateway);
      socket.removeAllListeners('error').on('error', () => {});
      socket.on('data', (data) => heard(data.toString()));
      return socket;
    }));

  it('answers connections above --max-connections with 503, and serves again when they are gone', async () => {
    const small = await cluster.startGateway(['--max-connections', '1000', '--header-timeout', '1h']);
    let refused = 0;
    const sockets = await openMany(1500, small, (text) => (refused += /^HTTP\/1.1 503 .*"type":"server_error"/s.test(text)));
    await eventually(() => refused === 500);
    for (const socket of sockets) socket.destroy();
    const url = `http://${small.address('http')}/v1/models`;
    await eventually(() => fetch(url).then((reply) => reply.ok, () => false));
  });

  it('serves others while thousands say nothing, and forgets those', async () => {
    const sockets = await openMany(2000);
    await isWell();
    await eventually(() => sockets.every((socket) => socket.destroyed));
  });

  it('has not grown by it', async () => {
    assert.ok(memoryMib() < 256, `${memoryMib()} MiB`);
    assert.doesNotMatch(await cluster.metrics(), /status="500"/);
  });
});
