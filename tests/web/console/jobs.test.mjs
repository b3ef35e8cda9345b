// The views of jobs and of the cluster in a real browser.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../sim/server.mjs';
import { liveConsole, sizes } from './browser.mjs';

describe('jobs and cluster in a browser', { timeout: 540_000 }, () => {
  const live = liveConsole({ simulatorFlags: ['--time-scale', '0.4', '--tier', 'developer'], workerFlags: ['--provider', 'cerebras'] });

  const get = async (id) => (await fetch(`${live.cluster.url}/v1/jobs/${id}`)).json();
  const submit = async (job) => {
    const reply = await fetch(`${live.cluster.url}/v1/jobs`, { method: 'POST', body: JSON.stringify({ preset: 'moa-lite', ...job }) });
    assert.equal(reply.status, 202);
    return (await reply.json()).job_id;
  };
  const ended = async (job) => {
    const id = await submit(job);
    await eventually(async () => (await get(id)).state === 'SUCCEEDED');
    return id;
  };

  for (const size of Object.keys(sizes)) {
    it(`finds jobs, shows one and asks again (${size})`, async () => {
      const id = await ended({ name: `A lease ${size}`, tenant: 'research', prompt: 'What is a lease?' });
      const other = await ended({ name: `A lock ${size}`, prompt: 'What is a lock?' });
      const view = await live.open(`${live.cluster.url}/#/jobs`, { size });
      const { page } = view;
      const link = (of) => page.locator(`table a[href="#/jobs/${of}"]`);
      await link(id).waitFor();
      await link(other).waitFor();
      await view.check('7-jobs');
      await page.getByLabel('Search').fill(`lease ${size}`);
      await link(other).waitFor({ state: 'detached' });
      await page.getByLabel('Tenant').fill('nobody');
      await page.getByText('There are no jobs like that').waitFor();
      await page.getByLabel('Tenant').fill('research');
      await link(id).waitFor();
      await page.getByLabel('State').selectOption('FAILED');
      await page.getByText('There are no jobs like that').waitFor();
      await page.getByLabel('State').selectOption('SUCCEEDED');
      await link(id).waitFor();
      // The address has it all.
      await page.reload();
      await link(id).waitFor();
      assert.equal(await link(other).count(), 0);
      assert.equal(await page.getByLabel('Tenant').inputValue(), 'research');

      await link(id).click();
      await page.getByRole('heading', { name: `A lease ${size}` }).waitFor();
      await page.getByText('What is a lease?').first().waitFor();
      await page.getByRole('button', { name: 'aggregator' }).waitFor();
      await page.getByText('The configuration').click();
      await page.getByText('"aggregator": {').waitFor();
      await view.check('8-job');
      // Nothing of it was asked in this browser.
      await page.getByRole('button', { name: 'Run again' }).click();
      await page.waitForFunction((old) => !location.hash.includes(old), id);
      await page.locator('.page-head .pill.is-succeeded').waitFor();
      const again = await get(new URL(page.url()).hash.split('/')[2]);
      assert.deepEqual(again.job, (await get(id)).job);
    });

    it(`compares two jobs (${size})`, async () => {
      const left = await ended({ name: `left ${size}`, prompt: 'What is a lease?' });
      const right = await ended({ name: `right ${size}`, prompt: 'What is a lock?', preset: 'self-moa' });
      const view = await live.open(`${live.cluster.url}/#/jobs`, { size });
      const { page } = view;
      for (const name of [`left ${size}`, `right ${size}`]) await page.getByLabel(`Choose ${name}`).check();
      await page.getByRole('link', { name: 'Compare the two' }).click();
      const differences = page.getByRole('region', { name: 'Differences' });
      await differences.getByRole('row', { name: /^prompt What is a lease\? What is a lock\?/ }).waitFor();
      const figures = page.getByRole('region', { name: 'Figures' });
      const calls = await Promise.all([left, right].map(async (id) => (await get(id)).usage.upstream_calls));
      await figures.getByRole('row', { name: `Calls ${calls.join(' ')}` }).waitFor();
      assert.equal(await page.locator('.column .md').count(), 2);
      await view.check('18-compare');

      // From a job, with one that is chosen then.
      await page.goto(`${live.cluster.url}/#/jobs/${left}`);
      await page.getByRole('link', { name: 'Compare…' }).click();
      await page.getByRole('link', { name: `right ${size}` }).click();
      await figures.waitFor();
    });

    it(`shows what the cluster does and what its quotas leave (${size})`, async () => {
      const view = await live.open(`${live.cluster.url}/#/cluster`, { size });
      const { page } = view;
      await page.getByRole('row', { name: /gpt-oss-120b/ }).waitFor();
      await page.getByText('1 worker connected').waitFor();
      for (let i = 0; i < 3; ++i) await ended({ prompt: `What is ${i}?` });
      // Figures of the jobs that ended while somebody looked.
      await page.waitForFunction(() => /succeeded\s*[\d.]*[1-9]/.test(document.querySelector('.chart .legend')?.textContent ?? ''));
      assert.equal(await page.locator('.chart canvas').count(), 6);
      const quota = page.locator('.quotas > li').filter({ hasText: 'gpt-oss-120b' });
      await quota.getByText('requests a minute').waitFor();
      assert.match(await quota.locator('.quota-text').first().innerText(), /^[\d\u202f]+ of [\d\u202f]+ left$/);
      await view.check('9-cluster');
    });
  }

  it('opens the MoA of a job in the Builder', async () => {
    const id = await ended({ name: 'to be changed', prompt: 'What is a lease?', preset: 'self-moa' });
    const view = await live.open(`${live.cluster.url}/#/jobs/${id}`);
    const { page } = view;
    await page.getByRole('button', { name: 'Open in Builder' }).click();
    await page.getByText('The job’s MoA is open here.').waitFor();
    await page.getByText('sampler').first().waitFor();
    await view.check('20-job-in-builder');
  });

  it('shows each attempt that failed', async () => {
    await live.cluster.simulator.faults('status=503:html,first=2');
    const id = await ended({ name: 'bumpy', prompt: 'Why?' });
    const failed = (await get(id)).layers.flatMap(({ agents }) => agents).filter((agent) => agent.failed_attempts);
    const view = await live.open(`${live.cluster.url}/#/jobs/${id}`);
    const { page } = view;
    await page.getByText(/attempts? failed before: SERVER_ERROR/).first().waitFor();
    assert.ok((await page.locator('.timeline .ran.is-failed').count()) >= 2);
    await page.getByRole('button', { name: failed[0].agent }).first().click();
    await page.getByRole('dialog').getByRole('row', { name: /SERVER_ERROR/ }).first().waitFor();
    await view.check('19-attempts');
  });

  it('turns pages', async () => {
    const wanted = 30;
    for (let i = 0; i < wanted; ++i) {
      const reply = await fetch(`${live.cluster.url}/v1/jobs`, { method: 'POST', body: JSON.stringify({ name: `page ${i}`, prompt: 'x', preset: 'majority' }) });
      assert.equal(reply.status, 202);
    }
    const view = await live.open(`${live.cluster.url}/#/jobs`);
    const { page } = view;
    await page.getByRole('link', { name: `page ${wanted - 1} ` }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'page 0 ' }).count(), 0);
    await page.getByRole('button', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'page 0 ' }).waitFor();
    await page.getByRole('button', { name: 'Newer' }).click();
    await page.getByRole('link', { name: `page ${wanted - 1} ` }).waitFor();
    await view.check('17-pages');
  });
});
