// Debian's Chromium on the console of a live cluster, for one test file. Whatever a page complains about fails the test
// that it was opened for: errors in the console, requests to other hosts, breaches of the content security policy.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { chromium } from 'playwright-core';
import { startCluster } from '../gateway/cluster.mjs';

export const sizes = {
  desktop: { width: 1280, height: 860 },
  phone: { width: 390, height: 844 },
};
const waitMs = 30_000;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.MOA_SCREENSHOTS;

export const launch = () =>
  chromium.launch({
    executablePath: process.env.MOA_CHROMIUM ?? '/usr/bin/chromium',
    // Root has no sandbox of its own to offer.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });

// Opens `url` in a browser context of its own, that is without storage. `expected` are texts of console errors that
// belong to the test.
async function open(browser, url, { size = 'desktop', colors = 'light', expected = [] } = {}) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme: colors, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(waitMs);
  const complaints = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !expected.some((one) => text.includes(one))) complaints.push(text);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const origin = new URL(url).origin;
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin && !request.url().startsWith('data:')) complaints.push(`asks ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(url);
  return {
    page,
    // Nothing is wider than the screen, axe finds nothing, and a picture is kept.
    async check(name) {
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: path.join(shots, `${name}-${size}-${colors}.png`) });
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name}: ${wide} px too wide`);
      await page.evaluate(axeSource);
      // What scrolls behind the head or the composer is not hidden by it for good, so nothing sticks while axe looks.
      const stick = (position) =>
        page.evaluate((to) => document.querySelectorAll('.top, .composer').forEach((one) => (one.style.position = to)), position);
      await stick('static');
      const { violations } = await page.evaluate(() =>
        globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], preload: false }),
      );
      await stick('');
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`),
        [],
        name,
      );
    },
    async close() {
      await context.close();
      assert.deepEqual(complaints, []);
    },
  };
}

// Within a suite: a live cluster and a browser for its tests, of which each may open one view at a time; what a view has
// complained about fails the test that opened it.
export function liveConsole(options) {
  const live = {
    cluster: null,
    async open(url, more) {
      view = await open(browser, url, more);
      return view;
    },
  };
  let browser, view;
  before(async () => {
    live.cluster = await startCluster(options);
    browser = await launch();
  });
  beforeEach(() => live.cluster.simulator.faults());
  afterEach(async () => {
    const opened = view;
    view = null;
    await opened?.close();
  });
  after(async () => {
    await browser?.close();
    await live.cluster?.stop();
  });
  return live;
}
