// How smoothly the console shows 64 agents that stream at once. A benchmark, not a test: frames depend on the machine.
//   MOA_BIN_DIR=…/build/release/bin MOA_CHROMIUM=/usr/bin/chromium node console/frames.bench.mjs [TOKENS_PER_SECOND…]
// For each rate (of one agent) twice: a job of a live cluster, which shares this machine with the browser; and the same
// events played to the page by this program, as if the cluster were elsewhere. When all agents stream, for five seconds:
// pieces of text a second (a worker sends at most 50 of each agent), frames a second and the longest time between two,
// texts drawn a second, and how many cores the browser and the cluster took.
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { startCluster } from '../gateway/cluster.mjs';
import { launch } from './browser.mjs';

const agents = 64;
// A model of the simulator that has one pace for replies of any length, in tokens a second.
const model = 'glm-5';
const modelTokensPerSecond = 1000;
const beatMs = 20;
const measuredS = 5;
const streamedS = measuredS + 7;
const rates = process.argv.slice(2).map(Number);
if (rates.length === 0) rates.push(100, 200, 1000);

// CPU seconds of every process of this machine whose program matches.
function cpuSeconds(program) {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!program.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0])) continue;
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks / 100;
}
const parties = [/chrom/, /moa-|cerebras-sim/];

// In the page, before its own script: each event of the job's stream is a text that is parsed.
const countParses = () => {
  const { parse } = JSON;
  globalThis.parses = 0;
  JSON.parse = (...all) => {
    globalThis.parses += 1;
    return parse(...all);
  };
};

// In the page: counts frames, the time between them and changes of the agents' texts.
const watch = (seconds) =>
  new Promise((resolve) => {
    let drawn = 0;
    const observer = new MutationObserver((changes) => (drawn += changes.length));
    for (const text of document.querySelectorAll('.agent-text')) observer.observe(text, { characterData: true, subtree: true, childList: true });
    const gaps = [];
    const parsed = globalThis.parses;
    let last = performance.now();
    const end = last + seconds * 1000;
    const step = (now) => {
      gaps.push(now - last);
      last = now;
      if (now < end) return requestAnimationFrame(step);
      observer.disconnect();
      gaps.sort((a, b) => a - b);
      resolve({
        frames: gaps.length / seconds, p99: gaps[Math.floor(gaps.length * 0.99)], longest: gaps.at(-1), drawn: drawn / seconds,
        pieces: (globalThis.parses - parsed) / seconds, running: document.querySelectorAll('.agent.is-running').length,
      });
    };
    requestAnimationFrame(step);
  });

async function measure(browser, rate, how, url, id) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await page.addInitScript(countParses);
  await page.goto(`${url}/#/chat/${id}`);
  await page.waitForFunction((count) => [...document.querySelectorAll('.agent-text')].filter((one) => one.textContent.length > 100).length === count, agents);
  const before = parties.map(cpuSeconds);
  const seen = await page.evaluate(watch, measuredS);
  const cores = parties.map((one, i) => ((cpuSeconds(one) - before[i]) / measuredS).toFixed(2));
  if (seen.running !== agents) throw new Error(`${seen.running} agents ran to the end of the measurement`);
  console.log(
    `${rate} tokens/s each, ${how}: ${seen.pieces.toFixed(0)} pieces/s, ${seen.frames.toFixed(1)} frames/s, p99 ${seen.p99.toFixed(0)} ms, ` +
      `longest ${seen.longest.toFixed(0)} ms, ${seen.drawn.toFixed(0)} texts/s; cores: browser ${cores[0]}, cluster ${cores[1]}`,
  );
  await page.close();
}

// The page and the job from the gateway at `target`, the job's events from here: pieces of `rate` tokens a second for each
// agent, those of a beat at once.
function play(target, rate) {
  const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  const ids = Array.from({ length: agents }, (_, sample) => ({ agent: 'many', sample, layer: 1, round: 1, kind: 'propose' }));
  const server = http.createServer((request, response) => {
    if (!request.url.includes('/events')) {
      const { pathname: path, search, hostname, port } = new URL(request.url, target);
      http.get({ hostname, port, path: path + search, headers: request.headers }, (reply) => {
        response.writeHead(reply.statusCode, reply.headers);
        reply.pipe(response);
      });
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(event('layer_started', { sequence: 1, layer: 1, round: 1, kind: 'propose', tasks: ids }));
    const sent = ids.map(() => 0);
    const owed = ids.map((_, i) => i / agents); // so that slow ones do not all come in the same beat
    const timer = setInterval(() => {
      let text = '';
      ids.forEach((id, i) => {
        owed[i] += (rate * beatMs) / 1000;
        if (owed[i] < 6) return; // as many as the provider sends at once
        const content = Array.from({ length: Math.floor(owed[i]) }, (_, token) => `${(sent[i] + token * 7919) % 9973} `).join('');
        owed[i] %= 1;
        text += event('task_delta', { ...id, attempt: 1, content_offset: sent[i], content });
        sent[i] += content.length;
      });
      if (text) response.write(text);
    }, beatMs);
    request.on('close', () => clearInterval(timer));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function measureBoth(browser, rate) {
  const cluster = await startCluster({
    simulatorFlags: ['--time-scale', `${modelTokensPerSecond / rate}`, '--slow-queue-share', '0', '--reply-tokens', `${rate * streamedS}`],
    workerFlags: ['--slots', `${agents}`],
  });
  const player = await play(cluster.url, rate);
  try {
    const layers = [{ agents: [{ name: 'many', model, samples: agents, max_completion_tokens: 32000 }] }];
    const body = JSON.stringify({ prompt: 'Sixty-four at once', moa: { layers, aggregator: { model } } });
    const submit = async () => (await (await fetch(`${cluster.url}/v1/jobs`, { method: 'POST', body })).json()).job_id;
    const id = await submit();
    await measure(browser, rate, 'live', cluster.url, id);
    await fetch(`${cluster.url}/v1/jobs/${id}/cancel`, { method: 'POST' });
    // Another, that is still to run: what is stored of the first says that it was cancelled.
    await cluster.stopWorker();
    await measure(browser, rate, 'played', `http://127.0.0.1:${player.address().port}`, await submit());
  } finally {
    player.closeAllConnections();
    player.close();
    await cluster.stop();
  }
}

const browser = await launch();
try {
  for (const rate of rates) await measureBoth(browser, rate);
} finally {
  await browser.close();
}
