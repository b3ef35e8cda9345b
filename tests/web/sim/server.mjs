// Starts the cerebras-sim of this build on a free port, for one test file.
import { spawn } from 'node:child_process';
import path from 'node:path';

const startTimeoutMs = 10_000;

// Resolves to { url, stop, requests, stats, faults }. `flags` come on top of an instant, unlimited server.
export async function startSimulator(flags = []) {
  const directory = process.env.MOA_BIN_DIR;
  if (!directory) throw new Error('MOA_BIN_DIR must name the directory of the built programs');
  const child = spawn(
    path.join(directory, 'cerebras-sim'),
    ['--listen', '127.0.0.1:0', '--time-scale', '0', '--tier', 'unlimited', ...flags],
    { stdio: ['ignore', 'inherit', 'pipe'] },
  );
  const address = await new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`cerebras-sim did not start: ${text}`)), startTimeoutMs);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`cerebras-sim ended with ${code}: ${text}`)));
    child.stderr.on('data', (data) => {
      text += data;
      const line = /http listening on (\S+)/.exec(text);
      if (!line) return;
      clearTimeout(timer);
      resolve(line[1]);
    });
  });
  child.removeAllListeners('exit');
  const url = `http://${address}`;
  const getJson = async (where) => (await fetch(url + where)).json();
  return {
    url,
    requests: async () => (await getJson('/sim/requests')).requests,
    stats: () => getJson('/sim/stats'),
    // Replaces the faults; counting starts anew.
    faults: async (...specs) => {
      const reply = await fetch(`${url}/sim/faults`, { method: 'PUT', body: specs.join('\n') });
      if (!reply.ok) throw new Error(await reply.text());
    },
    // SIGTERM; resolves to the exit status.
    stop: () =>
      new Promise((resolve) => {
        child.on('exit', (code) => resolve(code));
        child.kill('SIGTERM');
      }),
  };
}

// Waits until `condition()` is truthy and returns its value; fails after ten seconds.
export async function eventually(condition) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not true in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const digestPattern = /\[sim model=(\S+) messages=(\d+) digest=([0-9a-f]{16}) saw=(\S+)\]/;
