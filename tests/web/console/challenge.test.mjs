// The challenge in a real browser: answers are graded by real programs in the sandbox.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { liveConsole, sizes } from './browser.mjs';

const right = readFileSync(new URL('../../../docs/examples/grading/user-metrics.py', import.meta.url), 'utf8');

describe('the challenge in a browser', { timeout: 300_000 }, () => {
  const live = liveConsole({ simulatorFlags: ['--time-scale', '0.1'], workerFlags: ['--grading-slots', '2'] });
  const url = () => `${live.cluster.url}/#/challenge`;

  for (const size of Object.keys(sizes)) {
    it(`runs a configuration, grades it and ranks it (${size})`, async () => {
      const { page, check } = await live.open(url(), { size });
      await page.getByRole('heading', { name: 'Challenge' }).waitFor();
      await page.getByText('120 points in 11 checks').waitFor();
      assert.match(await page.getByLabel('Prompt').inputValue(), /calculate_user_metrics/);
      await page.getByLabel('Mixture').selectOption('moa-lite');
      await page.getByLabel('Attempts', { exact: true }).fill('2');
      await page.getByRole('button', { name: 'Run and grade' }).click();
      const graded = page.locator('.attempts .points');
      await graded.nth(1).waitFor();
      assert.match(await graded.first().innerText(), /^\d+ of 120 [A-F]$/);
      await page.getByText('Means of the checks over 2 grades').waitFor();
      await page.getByRole('region', { name: 'Leaderboard' }).getByRole('cell', { name: /^moa-lite/ }).waitFor();
      await page.getByRole('img', { name: /attempts in order of time/ }).waitFor();
      await check('20-challenge');
      // What was run stays over a reload.
      await page.reload();
      await graded.nth(1).waitFor();
      await page.getByRole('link', { name: 'Open the job' }).first().click();
      await page.locator('.page-head .pill.is-succeeded').waitFor();
    });
  }

  it('grades code of the visitor, check by check', async () => {
    const { page, check } = await live.open(url(), { colors: 'dark' });
    await page.getByText('Grade code of your own').click();
    const code = page.getByLabel('Code, or an answer that holds it');
    await code.fill(right);
    await page.getByRole('button', { name: 'Grade it' }).click();
    await page.getByText('120 of 120 A').waitFor();
    await page.getByRole('row', { name: /^handles division by zero 20 of 20/ }).waitFor();
    await check('21-graded');
    await code.fill('import os\nos._exit(0)');
    await page.getByRole('button', { name: 'Grade it' }).click();
    await page.getByText('0 of 120 F').waitFor();
    await page.getByText('the process ended before the function could be called').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('None yet: run a configuration').waitFor();
  });

  it('goes on with what was under way when the page is loaded again', async () => {
    await live.cluster.simulator.faults('hang');
    const { page } = await live.open(url());
    await page.getByLabel('Mixture').selectOption('moa-lite');
    await page.getByLabel('Attempts', { exact: true }).fill('1');
    await page.getByRole('button', { name: 'Run and grade' }).click();
    await page.getByRole('link', { name: 'Open the job' }).waitFor();
    const before = await page.getByRole('link', { name: 'Open the job' }).getAttribute('href');
    await page.reload();
    await page.getByRole('link', { name: 'Open the job' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Open the job' }).getAttribute('href'), before);
    const id = decodeURIComponent(before.split('/').at(-1));
    await fetch(`${live.cluster.url}/v1/jobs/${id}/cancel`, { method: 'POST' });
    await page.getByText('the job was cancelled').waitFor();
    await live.cluster.simulator.faults();
  });

  it('tries a mixture of the Builder', async () => {
    const { page } = await live.open(`${live.cluster.url}/#/builder`);
    await page.evaluate(() =>
      localStorage.setItem('moa.builder.saved', JSON.stringify([{ name: 'my own', job: { moa: { aggregator: { model: 'gpt-oss-120b' } } } }])));
    await page.goto(url());
    await page.reload();
    await page.getByLabel('Mixture').selectOption('my own');
    assert.equal(await page.getByRole('link', { name: 'Edit in Builder' }).getAttribute('href'), '#/builder/my/my%20own');
    await page.getByRole('button', { name: 'Run and grade' }).click();
    await page.locator('.attempts .points').nth(2).waitFor();
    await page.getByRole('region', { name: 'Leaderboard' }).getByRole('cell', { name: /^my own/ }).waitFor();
  });
});

describe('the challenge without a worker that grades', { timeout: 120_000 }, () => {
  const live = liveConsole({});

  it('says what is missing', async () => {
    const { page, check } = await live.open(`${live.cluster.url}/#/challenge`);
    await page.getByText('No connected worker can grade').waitFor();
    await check('22-nobody-grades');
  });
});
