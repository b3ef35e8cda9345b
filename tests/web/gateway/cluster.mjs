// A cluster of this build's programs with a gateway in front, for one test file.
import { spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually, startSimulator } from '../sim/server.mjs';

// Starts a program and waits for the lines that say where it listens.
export async function start(name, args, kinds) {
  const child = spawn(path.join(process.env.MOA_BIN_DIR, name), args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, CEREBRAS_API_KEY: 'csk-test' },
  });
  let log = '';
  child.stderr.on('data', (data) => (log += data));
  const found = (kind) => new RegExp(`^${kind} listening on (\\S+)`, 'm').exec(log)?.[1];
  await eventually(() => {
    assert.equal(child.exitCode, null, log);
    return kinds.every(found);
  });
  return {
    pid: child.pid,
    address: found,
    log: () => log,
    signal: (signal) => child.kill(signal),
    ended: () =>
      child.exitCode === null && child.signalCode === null ? new Promise((resolve) => child.once('exit', resolve)) : child.exitCode,
    stop() {
      const end = this.ended();
      child.kill('SIGTERM');
      return end;
    },
  };
}

// Resolves to what is at the end. `flags` are the gateway's.
export async function startCluster({ flags = [], simulatorFlags = [], workerFlags = [] } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'moa-gateway-'));
  const started = [];
  const add = (program) => {
    started.push(program);
    return program;
  };
  const simulator = add(await startSimulator(simulatorFlags));
  const startCoordinator = async (listen) =>
    add(
      await start(
        'moa-coordinator',
        ['--listen', listen, '--metrics-listen', '127.0.0.1:0', '--store', `sqlite:${folder}/jobs.db`,
          '--max-queued-jobs', '64'],
        ['grpc', 'metrics'],
      ),
    );
  let coordinator = await startCoordinator('127.0.0.1:0');
  const startWorker = async () =>
    add(
      await start(
        'moa-worker',
        ['--coordinator', coordinator.address('grpc'), '--base-url', simulator.url, '--metrics-listen', '127.0.0.1:0', '--grading-slots', '0', ...workerFlags],
        ['metrics'],
      ),
    );
  let worker = await startWorker();
  const startGateway = async (more = []) =>
    add(
      await start(
        'moa-gateway',
        ['--coordinator', coordinator.address('grpc'), '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', ...more],
        ['http', 'metrics'],
      ),
    );
  const gateway = await startGateway(flags);
  return {
    folder,
    simulator,
    gateway,
    startGateway,
    url: `http://${gateway.address('http')}`,
    metrics: async () => (await fetch(`http://${gateway.address('metrics')}/metrics`)).text(),
    coordinatorAddress: coordinator.address('grpc'),
    // SIGKILL, and a new one at the same address.
    async crashCoordinator() {
      const address = coordinator.address('grpc');
      started.splice(started.indexOf(coordinator), 1);
      coordinator.signal('SIGKILL');
      await coordinator.ended();
      coordinator = await startCoordinator(address);
    },
    // Jobs that come now are queued.
    async stopWorker() {
      started.splice(started.indexOf(worker), 1);
      assert.equal(await worker.stop(), 0);
    },
    async startWorker() {
      worker = await startWorker();
    },
    // All of them end with 0.
    async stop() {
      const statuses = [];
      for (const program of started.reverse()) statuses.push(await program.stop());
      rmSync(folder, { recursive: true });
      assert.deepEqual(statuses, statuses.map(() => 0));
    },
  };
}

// An error of this class, about which `check` asserts more.
export const rejectsWith = (promise, kind, check = () => {}) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error?.message}`);
    check(error);
    return true;
  });

export const question = [{ role: 'user', content: 'What is a lease?' }];
export const weatherTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather somewhere',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
