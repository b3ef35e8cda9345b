// The programs of docs/grpc.md on a live cluster: each language submits, watches and cancels, and is told its mistakes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { digestPattern, eventually } from '../sim/server.mjs';
import { startCluster } from '../gateway/cluster.mjs';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../..');
const examples = path.join(root, 'docs/examples/grpc');
const proto = path.join(root, 'proto');
const run = (program, args, options = {}) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

// Each makes what it needs in `folder` and returns how its program is started.
const languages = {
  python(folder) {
    const plugin = run('sh', ['-c', 'command -v grpc_python_plugin']).trim();
    run('protoc', ['-I', proto, `--python_out=${folder}`, `--grpc_python_out=${folder}`, `--plugin=protoc-gen-grpc_python=${plugin}`,
      ...['job', 'moa', 'rpc_status'].map((name) => path.join(proto, 'moa/v1', `${name}.proto`))]);
    return { program: ['/usr/bin/python3', path.join(examples, 'jobs.py')], env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' } };
  },
  node(folder) {
    copyFileSync(path.join(examples, 'jobs.mjs'), path.join(folder, 'jobs.mjs'));
    symlinkSync(path.join(root, 'tests/web/node_modules'), path.join(folder, 'node_modules'));
    return { program: [process.execPath, path.join(folder, 'jobs.mjs')], env: { MOA_PROTO: proto } };
  },
  // As a stranger: the library is installed somewhere, and the program knows nothing but that.
  'C++'(folder) {
    run('cmake', ['--install', process.env.MOA_BUILD_DIR, '--component', 'client', '--prefix', `${folder}/moa`]);
    run('cmake', ['-S', path.join(examples, 'cpp'), '-B', `${folder}/build`, `-DCMAKE_PREFIX_PATH=${folder}/moa`, '-DCMAKE_BUILD_TYPE=Release']);
    run('cmake', ['--build', `${folder}/build`]);
    return { program: [`${folder}/build/jobs`], env: {} };
  },
};

for (const [language, make] of Object.entries(languages)) {
  // An instrumented library needs an instrumented program.
  const skip = language === 'C++' && !process.env.MOA_BUILD_DIR;
  describe(`the gRPC example in ${language}`, { skip }, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'moa-grpc-'));
    let cluster, example;
    before(async () => {
      example = make(folder);
      cluster = await startCluster({ simulatorFlags: ['--time-scale', '1'] });
    });
    beforeEach(() => cluster.simulator.faults());
    after(async () => {
      await cluster.stop();
      rmSync(folder, { recursive: true });
    });

    // Resolves to {status, out, err} at the end; `began` is called with what it has written each time that is more.
    const call = (args, { address = cluster.coordinatorAddress, began = () => {} } = {}) =>
      new Promise((resolve) => {
        const [program, ...first] = example.program;
        const child = spawn(program, [...first, ...args], { env: { ...process.env, ...example.env, MOA_COORDINATOR: address } });
        const written = { out: '', err: '' };
        child.stdout.on('data', (data) => began((written.out += data)));
        child.stderr.on('data', (data) => (written.err += data));
        child.on('close', (status) => resolve({ status, ...written }));
      });
    const submit = async (preset = 'moa-lite') => {
      const { status, out, err } = await call(['submit', preset, 'What is a lease?']);
      assert.equal(status, 0, err);
      return out.trim();
    };
    const job = async (id) => (await fetch(`${cluster.url}/v1/jobs/${id}`)).json();

    it('submits a job and watches it to its end', async () => {
      const id = await submit();
      const { status, out, err } = await call(['watch', id]);
      assert.equal(status, 0, err);
      assert.match(out, digestPattern);
      assert.equal(out.trim(), (await job(id)).answer.trim());
      assert.match(err, /^accepted$/m);
      assert.match(err, /^aggregator: SUCCEEDED \(gpt-oss-120b\)$/m);
      assert.match(err, /^ended$/m);
    });

    it('shows the answer as it comes, and goes on when the coordinator was killed', async () => {
      await cluster.simulator.faults('slow=x10');
      let crash;
      const id = await submit();
      const { status, out, err } = await call(['watch', id], { began: () => (crash ??= cluster.crashCoordinator()) });
      await crash;
      assert.equal(status, 0, err);
      // Where the call was lost, too, and made again, the end is the whole answer of that one.
      assert.ok(out.trim().endsWith((await job(id)).answer.trim()), out);
    });

    it('cancels a job, and tells that it did not succeed', async () => {
      await cluster.simulator.faults('hang');
      const id = await submit();
      const watching = call(['watch', id]);
      await eventually(async () => (await job(id)).state === 'RUNNING');
      const { status, out, err } = await call(['cancel', id]);
      assert.equal(status, 0, err);
      assert.equal(out.trim(), 'CANCELLED');
      const watched = await watching;
      assert.equal(watched.status, 1, watched.err);
      assert.match(watched.err, /ERROR_CODE_CANCELLED: .*cancelled by jobs/);
      assert.equal((await cluster.simulator.requests()).at(-1).outcome, 'client_closed');
    });

    it('tells every mistake of a job with its field, and when nobody is there', async () => {
      const refused = await call(['submit', 'none', '']);
      assert.equal(refused.status, 2, refused.err);
      assert.match(refused.err, /INVALID_ARGUMENT/);
      assert.match(refused.err, /^ {2}preset: there is no preset/m);
      assert.match(refused.err, /^ {2}messages\[0\]\.content: is empty/m);
      const unknown = await call(['watch', '01M8Q80FZHGC6WBYK012XS348K']);
      assert.equal(unknown.status, 2);
      assert.match(unknown.err, /NOT_FOUND/);
      assert.equal((await call(['submit', 'moa-lite', 'Why?'], { address: '127.0.0.1:1' })).status, 3);
      assert.equal((await call(['nonsense'])).status, 2);
    });
  });
}

it('docs/grpc.md shows every example', () => {
  const text = readFileSync(path.join(root, 'docs/grpc.md'), 'utf8');
  for (const name of ['jobs.py', 'jobs.mjs', 'cpp/jobs.cc']) assert.ok(text.includes(`examples/grpc/${name}`), name);
});
