// The web console in a real browser on a live cluster.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { liveConsole, sizes } from './browser.mjs';

const slow = 'slow=1500ms';

describe('the web console in a browser', { timeout: 540_000 }, () => {
  const live = liveConsole({ simulatorFlags: ['--time-scale', '0.4'] });

  const ask = async (page, prompt) => {
    await page.getByLabel('Question').or(page.getByLabel('Go on')).fill(prompt);
    await page.getByRole('button', { name: 'Send' }).click();
  };
  const turn = (page, state) => page.locator(`.turn[data-state="${state}"]`);
  const jobOf = (page) => decodeURIComponent(new URL(page.url()).hash.split('/')[2]);

  for (const size of Object.keys(sizes)) {
    it(`watches every agent and the answer, then goes on (${size})`, async () => {
      await live.cluster.simulator.faults(slow);
      const view = await live.open(live.cluster.url, { size });
      const { page } = view;
      await page.getByRole('button', { name: /^moa-lite/ }).waitFor();
      await view.check('1-welcome');
      await page.getByLabel('Preset').selectOption('moa-lite');
      await ask(page, 'Why is the sky blue?');
      await page.locator('.agent.is-running').first().waitFor();
      await view.check('2-running');
      await turn(page, 'SUCCEEDED').waitFor();
      const id = jobOf(page);
      const job = await (await fetch(`${live.cluster.url}/v1/jobs/${id}`)).json();
      assert.equal(await page.locator('.agent.is-succeeded').count(), 6);
      await page.getByText(/% of the answer/).first().waitFor();
      // The answer on the page is the job's, whitespace and marks aside.
      const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, '');
      assert.equal(letters(await page.locator('.answer .md').innerText()), letters(job.answer));
      await page.locator('.answer').scrollIntoViewIfNeeded();
      await view.check('3-answer');
      await page.getByText('Timeline of the calls').click();
      await page.locator('.timeline li').nth(6).waitFor();
      assert.equal(await page.locator('.timeline li').count(), 7);
      await page.locator('.timeline').scrollIntoViewIfNeeded();
      await view.check('4-timeline');
      await page.locator('.agent-name').first().click();
      await page.getByRole('dialog').getByText('First token').waitFor();
      await view.check('5-agent');
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await live.cluster.simulator.faults();
      await ask(page, 'And at sunset?');
      await page.waitForFunction(() => document.querySelectorAll('.turn[data-state="SUCCEEDED"]').length === 2);
      // The conversation went along: a system prompt, two questions and the answer between them.
      const second = await (await fetch(`${live.cluster.url}/v1/jobs/${jobOf(page)}`)).json();
      assert.match(second.layers[0].agents[0].content, /messages=4 /);
      await view.check('6-second-turn');
    });
  }

  it('goes on where it was when it is loaded again in the middle of a job', async () => {
    await live.cluster.simulator.faults('slow=2500ms');
    const view = await live.open(live.cluster.url);
    const { page } = view;
    await page.getByLabel('Preset').selectOption('moa');
    await ask(page, 'Plan a day in Rome.');
    await page.locator('.agent.is-running').first().waitFor();
    const id = jobOf(page);
    await page.reload();
    await page.locator('.agent').first().waitFor();
    assert.equal(jobOf(page), id);
    await page.getByText('Plan a day in Rome.').first().waitFor();
    await turn(page, 'SUCCEEDED').waitFor();
    assert.equal(await page.locator('.agent.is-succeeded').count(), 4);
  });

  it('stops a job', async () => {
    await live.cluster.simulator.faults('hang');
    const view = await live.open(live.cluster.url);
    const { page } = view;
    await ask(page, 'Take your time.');
    await page.locator('.agent.is-running').first().waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await turn(page, 'CANCELLED').waitFor();
    await page.getByText('stopped in the web console').waitFor();
    assert.equal((await (await fetch(`${live.cluster.url}/v1/jobs/${jobOf(page)}`)).json()).state, 'CANCELLED');
    await view.check('10-stopped');
  });

  it('says which agents were lost', async () => {
    await live.cluster.simulator.faults('status=400,model=qwen-3.8-27b');
    const view = await live.open(live.cluster.url, { colors: 'dark' });
    const { page } = view;
    await page.getByLabel('Preset').selectOption('moa');
    await ask(page, 'Who is there?');
    await page.locator('.turn[data-state="SUCCEEDED"], .turn[data-state="FAILED"]').waitFor();
    await page.locator('.agent.is-failed').first().waitFor();
    await page.getByText('Not all agents could take part.').waitFor();
    await view.check('11-degraded');
  });

  it('stays quick with many agents at once, in dark', async () => {
    const view = await live.open(`${live.cluster.url}`, { colors: 'dark' });
    const { page } = view;
    await live.cluster.simulator.faults(slow);
    const submitted = await fetch(`${live.cluster.url}/v1/jobs`, {
      method: 'POST',
      body: JSON.stringify({
        prompt: 'Sixty-four at once',
        moa: { layers: [{ agents: [{ name: 'many', model: 'gpt-oss-120b', samples: 64 }] }], aggregator: { model: 'gpt-oss-120b' } },
      }),
    });
    const { job_id: id } = await submitted.json();
    await page.goto(`${live.cluster.url}/#/chat/${id}`);
    await page.waitForFunction(() => document.querySelectorAll('.agent').length === 64);
    await view.check('12-many');
    await turn(page, 'SUCCEEDED').waitFor();
    await page.getByRole('link', { name: 'Cluster' }).click();
    await page.getByRole('heading', { name: 'Jobs that ended' }).waitFor();
    await view.check('13-cluster');
    await page.goto(`${live.cluster.url}/#/jobs/${id}`);
    await page.getByRole('button', { name: 'many #64' }).waitFor();
    await view.check('14-job');
  });

  // A job that only the test knows: `streams` are the bodies of its events, one for each time that they are asked for.
  const invent = async (page, id, streams, job) => {
    const asked = [];
    await page.route(`**/v1/jobs/${id}`, (route) => route.fulfill({ json: { job_id: id, layers: [], ...job } }));
    await page.route(`**/v1/jobs/${id}/events*`, (route) => {
      asked.push(new URL(route.request().url()).searchParams.get('after'));
      return route.fulfill({ contentType: 'text/event-stream', body: streams[asked.length - 1] ?? '' });
    });
    return asked;
  };
  const event = (sequence, name, data) => `id: ${sequence}\nevent: ${name}\ndata: ${JSON.stringify({ sequence, ...data })}\n\n`;
  const aggregator = { agents: [{ agent: 'aggregator', sample: 0 }], layer: 1, round: 1, kind: 'aggregate' };

  it('shows what models write as text, whatever it is', async () => {
    const answer = [
      '<img src=x onerror="document.title=1"><script>document.title=1</script>',
      '[a](javascript:document.title=1) [b](data:text/html,x) ![c](https://elsewhere.example/?secret) [d](https://d.example "onclick=x")',
      '```html\n<iframe srcdoc="<script>parent.document.title=1</script>">\n```',
    ].join('\n\n');
    const view = await live.open(live.cluster.url);
    const { page } = view;
    const ended = event(2, 'ended', { state: 'SUCCEEDED', latency_ms: 1 });
    await invent(page, 'hostile', [event(1, 'accepted', {}) + ended], { state: 'SUCCEEDED', answer, degradations: [answer] });
    await page.goto(`${live.cluster.url}/#/chat/hostile`);
    await turn(page, 'SUCCEEDED').locator('.answer .md').waitFor();
    assert.equal(await page.locator('.turn img, .turn script, .turn iframe, .turn [onerror], .turn [onclick]').count(), 0);
    const links = await page.locator('.answer .md a').evaluateAll((all) => all.map((one) => [one.textContent, one.href, one.rel]));
    const rel = 'noopener noreferrer nofollow';
    assert.deepEqual(links, [['c', 'https://elsewhere.example/?secret', rel], ['d', 'https://d.example/', rel]]);
    assert.match(await page.title(), /Mixture of Agents/);
  });

  it('comes back where a stream broke off, and asks only for what it has not seen', async () => {
    const view = await live.open(live.cluster.url);
    const { page } = view;
    const asked = await invent(
      page,
      'broken',
      [
        event(1, 'accepted', {}) + event(2, 'layer_started', aggregator) + 'event: task_delta\ndata: {"agent":"aggre',
        '',
        event(2, 'layer_started', aggregator) + event(3, 'ended', { state: 'SUCCEEDED', latency_ms: 1 }),
      ],
      { state: 'SUCCEEDED', answer: 'All of it.' },
    );
    await page.goto(`${live.cluster.url}/#/chat/broken`);
    await turn(page, 'SUCCEEDED').getByText('All of it.').waitFor();
    assert.deepEqual(asked, ['0', '2', '2']);
  });

  it('says that a job is not there', async () => {
    const view = await live.open(`${live.cluster.url}/#/chat/nothing`, { expected: ['404', '400'] });
    await view.page.getByRole('alert').waitFor();
    await view.check('16-missing');
  });

  it('asks for the token once', async () => {
    writeFileSync(path.join(live.cluster.folder, 'tokens'), 'secret\n');
    const gateway = await live.cluster.startGateway(['--token-file', path.join(live.cluster.folder, 'tokens')]);
    const view = await live.open(`http://${gateway.address('http')}/`, { expected: ['401'] });
    const { page } = view;
    await page.getByLabel('Token', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('a token is needed').first().waitFor();
    await page.getByRole('button', { name: 'Enter token' }).click();
    await page.getByLabel('Token', { exact: true }).fill('wrong');
    await view.check('15-token');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('The token was not accepted.').waitFor();
    await page.getByLabel('Token', { exact: true }).fill('secret');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^moa-lite/ }).waitFor();
    await page.reload();
    await ask(page, 'Am I in?');
    await turn(page, 'SUCCEEDED').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    const stored = await page.evaluate(() => JSON.stringify(localStorage));
    assert.ok(!stored.includes('secret') && !stored.includes('Am I in'), stored);
  });

  it('can be used with the keyboard alone', async () => {
    const view = await live.open(live.cluster.url);
    const { page } = view;
    await page.getByRole('button', { name: /^moa-lite/ }).waitFor();
    await page.locator('#prompt').focus();
    await page.keyboard.type('First line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    await page.keyboard.press('Enter');
    await turn(page, 'SUCCEEDED').waitFor();
    await page.getByText('First line\nsecond line').first().waitFor();
    await page.locator('.agent-name').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement?.className === 'agent-name');
  });
});
