// A job's trace as it goes over the wire: from the client's environment through the coordinator and a worker to the
// model's server, and to a collector, which reads it with OpenTelemetry's own messages.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { start } from '../gateway/cluster.mjs';
import { eventually, startSimulator } from '../sim/server.mjs';

const protocol = createRequire(import.meta.url)('@opentelemetry/otlp-transformer/build/src/generated/root');
const { ExportTraceServiceRequest } = protocol.opentelemetry.proto.collector.trace.v1;
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const clientSpan = '00f067aa0ba902b7';

// The names of all properties in it, sorted.
function propertiesOf(value, names = new Set()) {
  if (value && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) names.add(name);
      propertiesOf(inner, names);
    }
  }
  return [...names].sort();
}

describe('a trace', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'moa-otlp-'));
  const taken = [];
  const started = []; // in the order of their start
  let collector, simulator, coordinator;

  before(async () => {
    collector = createServer((request, response) => {
      const pieces = [];
      request.on('data', (piece) => pieces.push(piece));
      request.on('end', () => {
        taken.push({ url: request.url, type: request.headers['content-type'], body: JSON.parse(Buffer.concat(pieces)) });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise((resolve) => collector.listen(0, '127.0.0.1', resolve));
    started.push((simulator = await startSimulator()));
    coordinator = await start(
      'moa-coordinator',
      ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', '--store', `sqlite:${folder}/jobs.db`,
        '--otlp-endpoint', `http://127.0.0.1:${collector.address().port}`],
      ['grpc', 'metrics'],
    );
    started.push(coordinator);
    const worker = await start(
      'moa-worker',
      ['--coordinator', coordinator.address('grpc'), '--base-url', simulator.url, '--metrics-listen', '127.0.0.1:0'],
      ['metrics'],
    );
    started.push(worker);
  });
  after(async () => {
    collector.closeAllConnections();
    collector.close();
    const statuses = [];
    for (const program of started.reverse()) statuses.push(await program.stop());
    rmSync(folder, { recursive: true });
    assert.deepEqual(statuses, [0, 0, 0]);
  });

  const submit = (environment) => {
    const run = spawnSync(
      path.join(process.env.MOA_BIN_DIR, 'moactl'),
      ['--coordinator', coordinator.address('grpc'), 'submit', '--preset', 'moa-lite', '--prompt', 'Why?', '--wait',
        '-o', 'json'],
      { encoding: 'utf8', env: { ...process.env, ...environment } },
    );
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(run.stdout);
  };

  it('of a client goes on through the job to the model, and is what the collector gets', async () => {
    const job = submit({ TRACEPARENT: `00-${traceId}-${clientSpan}-01`, TRACESTATE: 'congo=t61' });
    const request = await eventually(() => taken.find(({ body }) => JSON.stringify(body).includes(job.job_id)));
    assert.equal(request.url, '/v1/traces');
    assert.equal(request.type, 'application/json');
    const message = ExportTraceServiceRequest.fromObject(request.body);
    assert.equal(ExportTraceServiceRequest.verify(message), null);
    // What the protocol does not know is lost on the way through its messages.
    const known = ExportTraceServiceRequest.toObject(message, { longs: String, bytes: String });
    assert.deepEqual(propertiesOf(request.body), propertiesOf(known));
    assert.equal(known.resourceSpans[0].resource.attributes[0].value.stringValue, 'moa-coordinator');

    const spans = request.body.resourceSpans[0].scopeSpans[0].spans;
    assert.equal(spans[0].name, 'job');
    assert.equal(spans[0].parentSpanId, clientSpan);
    assert.ok(spans.every((span) => span.traceId === traceId && span.traceState === 'congo=t61'));
    const calls = spans.filter((span) => span.name.startsWith('chat '));
    assert.equal(calls.length, job.usage.upstream_calls);

    // What the model's server was told are those calls' spans.
    const told = (await simulator.requests()).map((call) => call.traceparent).sort();
    assert.deepEqual(told, calls.map((span) => `00-${traceId}-${span.spanId}-01`).sort());
  });

  it('of a client that is not recorded is passed on as it is, and not exported', async () => {
    const before = taken.length;
    const unrecorded = `00-${traceId}-${clientSpan}-00`;
    submit({ TRACEPARENT: unrecorded });
    const own = submit({ TRACEPARENT: 'nonsense' });
    const request = await eventually(() => taken.find(({ body }) => JSON.stringify(body).includes(own.job_id)));
    assert.equal(taken.length, before + 1);
    const spans = request.body.resourceSpans[0].scopeSpans[0].spans;
    assert.notEqual(spans[0].traceId, traceId);
    assert.equal(spans[0].parentSpanId, undefined);
    const told = (await simulator.requests()).map((call) => call.traceparent);
    assert.equal(told.filter((header) => header === unrecorded).length, own.usage.upstream_calls);
  });

  it('is counted', async () => {
    const metrics = await (await fetch(`http://${coordinator.address('metrics')}/metrics`)).text();
    assert.match(metrics, /^moa_traces_exported_total 2$/m);
    assert.match(metrics, /^moa_traces_dropped_total\{reason="unreachable"\} 0$/m);
  });
});
