// moa-gateway as a program: its exit statuses, its health, TLS towards coordinators, and how it stops.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { eventually, startSimulator } from '../sim/server.mjs';
import { question, start, startCluster } from './cluster.mjs';

const plain = { model: 'gpt-oss-120b', messages: question };
const ask = (url, body = plain) => fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
const run = (args, env = {}) => {
  const { status, stdout, stderr } = spawnSync(path.join(process.env.MOA_BIN_DIR, 'moa-gateway'), args, {
    encoding: 'utf8', env: { ...process.env, ...env }, timeout: 20_000,
  });
  return { status, stdout, stderr };
};

describe('moa-gateway', () => {
  let cluster;
  before(async () => (cluster = await startCluster()));
  beforeEach(() => cluster.simulator.faults());
  after(() => cluster.stop());
  const file = (name, text) => {
    writeFileSync(path.join(cluster.folder, name), text);
    return path.join(cluster.folder, name);
  };
  const anywhere = ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0'];

  it('ends with 2 for what its user got wrong, and says which flag', () => {
    const tokens = file('tokens', 'secret\n');
    const wrong = [
      [['--nonsense'], /nonsense/],
      [['--listen', 'nowhere'], /--listen/],
      [['--coordinator', 'nowhere'], /--coordinator/],
      [['--max-body-mib', '0'], /--max-body-mib/],
      [['--max-body-mib', '61'], /--max-body-mib/],
      [['--max-connections', 'many'], /--max-connections/],
      [['--keep-alive', '5'], /--keep-alive/],
      ...['header', 'body', 'idle', 'write'].map((name) => [[`--${name}-timeout`, '0s'], new RegExp(`--${name}-timeout`)]),
      [['--log-level', 'loud'], /--log-level/],
      [['--listen', '0.0.0.0:0'], /refusing to listen on .* without --token-file/],
      [['--listen', '0.0.0.0:0', '--token-file', tokens], /refusing to listen on .*--insecure/],
      [['--token-file', path.join(cluster.folder, 'none'), ...anywhere], /--token-file/],
      [['--token-file', file('empty', '\n\n'), ...anywhere], /--token-file: .*holds no token/],
      [['--tls-ca', path.join(cluster.folder, 'none'), ...anywhere], /--tls-ca/],
      [['--tls-ca', tokens, ...anywhere], /--tls-ca/],
      [['--tls-cert', tokens, ...anywhere], /--tls-key/],
    ];
    for (const [args, pattern] of wrong) {
      const { status, stderr } = run(args);
      assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, pattern);
    }
    const fromEnvironment = run(anywhere, { MOA_MAX_BODY_MIB: '0' });
    assert.equal(fromEnvironment.status, 2);
    assert.match(fromEnvironment.stderr, /MOA_MAX_BODY_MIB|--max-body-mib/);
  });

  it('ends with 1 for what the machine does not give, and with 0 where it was asked about itself', () => {
    const taken = run(['--listen', cluster.gateway.address('http'), '--metrics-listen', '127.0.0.1:0']);
    assert.equal(taken.status, 1, taken.stderr);
    assert.ok(taken.stderr.includes(cluster.gateway.address('http')), taken.stderr);
    assert.equal(run(['--listen', '127.0.0.1:0', '--metrics-listen', cluster.gateway.address('metrics')]).status, 1);
    assert.match(run(['--help']).stdout, /--header-timeout/);
    assert.match(run(['--version']).stdout, /\d+\.\d+/);
  });

  it('--health tells whether another one is ready, and whether it is alive', async () => {
    const metrics = cluster.gateway.address('metrics');
    await ask(cluster.url);
    for (const target of [metrics, `${metrics}/readyz`, `${metrics}/healthz`]) assert.equal(run(['--health', target]).status, 0, target);
    // Without a coordinator it is alive and not ready.
    const lonely = await start('moa-gateway', ['--coordinator', '127.0.0.1:1', ...anywhere], ['http', 'metrics']);
    await eventually(() => run(['--health', lonely.address('metrics')]).status === 1);
    assert.equal(run(['--health', `${lonely.address('metrics')}/healthz`]).status, 0);
    const reply = await ask(`http://${lonely.address('http')}`);
    assert.equal(reply.status, 503);
    assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    assert.equal(await lonely.stop(), 0);
    const nobody = run(['--health', '127.0.0.1:1']);
    assert.equal(nobody.status, 1);
    assert.ok(nobody.stderr.length > 0);
    assert.equal(run(['--health', 'nowhere']).status, 2);
    assert.equal(run(['--health', `${metrics}/metrics`]).status, 2);
  });

  it('lets streams end after SIGTERM, and takes nobody new', async () => {
    const gate = await cluster.startGateway(['--drain-timeout', '60s']);
    const url = `http://${gate.address('http')}`;
    await cluster.simulator.faults('hang');
    const job = (await (await fetch(`${url}/v1/jobs`, { method: 'POST', body: '{"preset":"moa-lite","prompt":"Why?"}' })).json()).job_id;
    const events = await fetch(`${url}/v1/jobs/${job}/events`); // its head has come: the stream is open
    const status = gate.stop();
    await eventually(() => fetch(`${url}/v1/models`).then(() => false, () => true));
    assert.equal((await fetch(`http://${gate.address('metrics')}/readyz`)).status, 503);
    await fetch(`${cluster.url}/v1/jobs/${job}/cancel`, { method: 'POST', body: '{"reason":"enough"}' });
    assert.match(await events.text(), /event: ended\ndata: .*CANCELLED/);
    assert.equal(await status, 0);
  });

  it('cuts what has not ended within --drain-timeout, and cancels its jobs', async () => {
    await cluster.simulator.faults('hang-stream,at=3');
    const gate = await cluster.startGateway(['--drain-timeout', '200ms', '--keep-alive', '50ms']);
    const reply = await ask(`http://${gate.address('http')}`, { ...plain, stream: true });
    const id = reply.headers.get('x-moa-job-id');
    const rest = reply.text().then((text) => !text.includes('[DONE]'), () => true);
    assert.equal(await gate.stop(), 0);
    assert.ok(await rest, 'the stream was told its end');
    await eventually(async () => (await (await fetch(`${cluster.url}/v1/jobs/${id}`)).json()).state === 'CANCELLED');
  });

  it('ends at once at a second SIGTERM', async () => {
    await cluster.simulator.faults('hang-stream,at=3');
    const gate = await start('moa-gateway', ['--coordinator', cluster.coordinatorAddress, ...anywhere, '--drain-timeout', '1h', '--keep-alive', '50ms'], ['http', 'metrics']);
    const reply = await ask(`http://${gate.address('http')}`, { ...plain, stream: true });
    const id = reply.headers.get('x-moa-job-id');
    const ended = gate.stop();
    await eventually(async () => (await fetch(`http://${gate.address('metrics')}/readyz`)).status === 503);
    gate.signal('SIGTERM');
    assert.notEqual(await ended, 0);
    await reply.text().catch(() => {});
    // Whoever is cut off so hard has told nobody; the broken connection has.
    await eventually(async () => (await (await fetch(`${cluster.url}/v1/jobs/${id}`)).json()).state === 'CANCELLED');
  });
});

describe('moa-gateway and coordinators with TLS', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'moa-gateway-tls-'));
  const at = (name) => path.join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = (name) => openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`));
  const certify = (name, by) => {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`));
    writeFileSync(at('names.cnf'), 'subjectAltName=IP:127.0.0.1\n');
    openssl('x509', '-req', '-days', '2', '-in', at(`${name}.csr`), '-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial',
      '-extfile', at('names.cnf'), '-out', at(`${name}.pem`));
  };
  const started = [];
  const add = async (program) => {
    started.push(await program);
    return started.at(-1);
  };
  const peer = ['--tls-ca', at('ca.pem'), '--tls-cert', at('peer.pem'), '--tls-key', at('peer.key')];
  let coordinator;
  before(async () => {
    authority('ca');
    authority('other');
    certify('server', 'ca');
    certify('peer', 'ca');
    certify('stranger', 'other');
    const simulator = await add(startSimulator());
    coordinator = await add(start('moa-coordinator', ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', '--store', `sqlite:${at('jobs.db')}`,
      '--tls-cert', at('server.pem'), '--tls-key', at('server.key'), '--tls-client-ca', at('ca.pem')], ['grpc']));
    await add(start('moa-worker', ['--coordinator', coordinator.address('grpc'), '--base-url', simulator.url, '--metrics-listen', '127.0.0.1:0', ...peer], ['metrics']));
  });
  after(async () => {
    for (const program of started.reverse()) await program.stop();
    rmSync(folder, { recursive: true });
  });
  const gate = async (flags) => {
    const program = await add(start('moa-gateway', ['--coordinator', coordinator.address('grpc'), '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', ...flags],
      ['http', 'metrics']));
    return program;
  };

  it('answers over a connection on which both sides show a certificate', async () => {
    const program = await gate(peer);
    const reply = await ask(`http://${program.address('http')}`);
    assert.equal(reply.status, 200, await reply.clone().text());
    assert.equal((await fetch(`http://${program.address('metrics')}/readyz`)).status, 200);
  });

  it('is not ready, and says why, without the right ones', async () => {
    const wrong = [
      [], // clear text
      ['--tls-ca', at('ca.pem')], // no certificate of its own
      ['--tls-ca', at('ca.pem'), '--tls-cert', at('stranger.pem'), '--tls-key', at('stranger.key')], // one that nobody knows here
      ['--tls-ca', at('other.pem'), '--tls-cert', at('peer.pem'), '--tls-key', at('peer.key')], // does not know the coordinator's
    ];
    await Promise.all(wrong.map(async (flags) => {
      const program = await gate(flags);
      const reply = await ask(`http://${program.address('http')}`);
      assert.equal(reply.status, 503, flags.join(' '));
      assert.ok((await reply.json()).error.message.includes(coordinator.address('grpc')));
      assert.equal((await fetch(`http://${program.address('metrics')}/readyz`)).status, 503, flags.join(' '));
    }));
  });
});
