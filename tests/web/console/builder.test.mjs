// The console's Builder in a real browser on a live cluster.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { liveConsole, sizes } from './browser.mjs';

const source = (name) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
// What the server refuses while somebody types shows in the browser's console as well.
const refusals = { expected: ['400'] };

describe('the Builder in a browser', { timeout: 540_000 }, () => {
  const live = liveConsole({ simulatorFlags: ['--time-scale', '0.4'] });
  let view;

  const enter = async (options = {}, where = '#/builder') => {
    view = await live.open(`${live.cluster.url}/${where}`, { ...refusals, ...options });
    await valid(view.page);
    return view.page;
  };
  const valid = (page) => page.locator('.b-status.is-valid').waitFor();
  const node = (page, name) => page.locator('.graph').getByRole('button', { name });
  const startFrom = async (page, preset) => {
    await page.getByRole('button', { name: 'Start from…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: preset }).click();
  };
  const job = async (page) => (await page.evaluate(() => JSON.parse(localStorage.getItem('moa.builder.draft')))).job;
  const importText = async (page, text) => {
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByLabel('Or its text').fill(text);
    await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
  };
  const importFile = async (page, name) => {
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByLabel('File', { exact: true }).setInputFiles(source(name));
  };
  const exported = async (page, form) => {
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: form }).check();
    const text = await dialog.locator('.b-file').textContent();
    await page.keyboard.press('Escape');
    return text;
  };
  const convert = async (text, file) => (await fetch(`${live.cluster.url}/v1/jobs/convert?file=${file}`, { method: 'POST', body: text })).json();

  for (const size of Object.keys(sizes)) {
    it(`starts from a preset, shows a mistake at its field, and takes it back (${size})`, async () => {
      const page = await enter({ size });
      await view.check('20-builder');
      await page.getByRole('button', { name: 'Start from…' }).click();
      await view.check('21-start');
      await page.getByRole('dialog').getByRole('button', { name: 'ninja' }).click();
      await node(page, 'planner × 8').click();
      await valid(page);
      await page.getByLabel('Temperature').fill('9');
      await page.locator('.b-status.is-invalid').waitFor();
      const told = await page.getByLabel('Temperature').evaluate((field) => document.getElementById(field.getAttribute('aria-describedby'))?.textContent);
      assert.match(told, /^is 9; must be from 0 to 2/);
      await node(page, /^planner × 8.*1 problem$/).waitFor();
      await view.check('22-problem');
      // From the list to the field, wherever one is.
      await node(page, 'Question').click();
      await page.getByRole('region', { name: 'Problems' }).getByRole('button', { name: 'moa.layers[0].agents[0].temperature' }).click();
      assert.equal(await page.evaluate(() => document.activeElement.id), 'field:moa.layers[0].agents[0].temperature');
      assert.ok(await page.getByRole('button', { name: 'Ask with it' }).isDisabled());
      await page.keyboard.press('Control+z');
      await valid(page);
      assert.equal(await page.getByLabel('Temperature').inputValue(), '0.9');
      await page.keyboard.press('Control+Shift+Z');
      assert.equal(await page.getByLabel('Temperature').inputValue(), '9');
      await page.getByRole('button', { name: 'Undo' }).click();
      // What the server says of the layer's critics, too.
      await node(page, 'feasibility').click();
      await page.getByLabel('Model', { exact: true }).fill('none-such');
      await page.getByText('"none-such" is no known model').first().waitFor();
    });

    it(`shows each prompt of each round, whole (${size})`, async () => {
      const page = await enter({ size });
      await importFile(page, 'docs/examples/workshop-export.json');
      await page.getByText('was read as a file of the workshop').waitFor();
      await valid(page);
      assert.deepEqual(await page.locator('.b-plan h3').allTextContents(), ['Layer 1, round 1', 'Layer 1, round 2', 'Aggregator']);
      const second = page.locator('.b-stage', { hasText: 'Layer 1, round 2' }).locator('.b-planned', { hasText: 'bug-hunter' });
      await second.locator('summary').click();
      const plan = await (await fetch(`${live.cluster.url}/v1/jobs/inspect`, { method: 'POST', body: JSON.stringify(await job(page)) })).json();
      const { messages, prompt_tokens: tokens } = plan.stages[1].agents[0];
      assert.deepEqual(await second.locator('.b-role').allTextContents(), messages.map(({ role }) => role));
      assert.deepEqual(await second.locator('pre').allTextContents(), messages.map(({ content }) => content));
      assert.match(messages[0].content, /‹the answer of bug-hunter, .*‹the answer of optimizer/s);
      assert.ok((await second.locator('.b-tokens').textContent()).replaceAll('\u202f', '').startsWith(`${tokens} + `));
      await second.scrollIntoViewIfNeeded();
      await view.check('23-prompts');
      // What does not fit into a model's context is said where it happens.
      const agent = { name: 'a', model: 'gpt-oss-120b', samples: 6, max_completion_tokens: 40000 };
      await importText(page, JSON.stringify({ moa: { layers: [{ agents: [agent] }], aggregator: { model: 'gpt-oss-120b', max_completion_tokens: 40000 } } }));
      const last = page.locator('.b-stage', { hasText: 'Aggregator' }).locator('.b-planned');
      await last.locator('summary').click();
      await last.getByText('they are cut from up to 240000 to').waitFor();
    });

    it(`is changed in all its parts (${size})`, async () => {
      const page = await enter({ size });
      await startFrom(page, 'Two agents');
      await node(page, /^Layer 1/).click();
      await page.getByRole('button', { name: 'Duplicate agent 1' }).click();
      await page.getByRole('button', { name: 'Move agent 3 down' }).click();
      await page.getByRole('button', { name: 'Add an agent' }).click();
      await page.getByLabel('Name', { exact: true }).fill('added');
      await page.getByLabel('System prompt').fill('Be brief.\nBe right.');
      await page.getByLabel('Temperature').fill('0.70');
      await page.getByText('More', { exact: false }).first().click();
      await page.getByLabel('Stop').fill('END\n');
      await page.getByLabel('Sees').selectOption('none');
      await page.getByLabel('Fallback models').fill('qwen-3.8-27b, ');
      await page.locator('.b-kicker').click();
      await page.getByLabel('Cycles').fill('3');
      for (const group of ['Router', 'Critics', 'Early exit', 'Quorum']) await page.getByLabel(group, { exact: true }).check();
      await page.getByLabel('Vote', { exact: true }).check();
      await page.locator('.b-group', { hasText: 'Vote' }).getByText('is given together with critique').waitFor();
      await page.getByLabel('Vote', { exact: true }).uncheck();
      await page.getByLabel('Grace for the others').fill('500ms');
      await page.getByLabel('Quorum', { exact: true }).uncheck();
      await page.getByRole('button', { name: 'Change something from round 2 on' }).click();
      await page.getByLabel('Max tokens').fill('4000');
      await page.getByLabel('Rounds at most').fill('2');
      await valid(page);
      await view.check('24-layer');
      await page.getByRole('button', { name: 'Layers, answer, references' }).click();
      await page.getByLabel('Shuffle').check();
      await page.getByRole('button', { name: 'Add a layer' }).click();
      await page.locator('.b-kicker').click();
      await page.getByRole('button', { name: 'Move layer 2 up' }).click();
      await page.getByLabel('The best answer of the last layer').check();
      await node(page, 'Question').click();
      await page.getByLabel('Deadline').fill('30s');
      await page.getByLabel('Max calls').fill('90');
      await valid(page);
      const model = (await job(page)).moa.layers[0].agents[0].model;
      assert.deepEqual(await job(page), {
        deadline: '30s',
        budget: { max_upstream_calls: 90 },
        moa: {
          references: { shuffle: true },
          answer: 'best',
          layers: [
            { agents: [{ name: 'agent 1', model }] },
            {
              cycles: 3,
              agents: [
                { name: 'agent 1', model },
                { name: 'agent 2', model },
                { name: 'agent 3', model },
                { name: 'added', model, system_prompt: 'Be brief.\nBe right.', temperature: 0.7, stop: ['END'], sees: 'none', fallback_models: ['qwen-3.8-27b'] },
              ],
              route: { router: { name: 'router', model, max_completion_tokens: 400 }, top: 2 },
              critique: { critics: [{ name: 'critic', model }], escalate: [{ max_completion_tokens: 4000 }], rounds: 2 },
              early_exit: { match: 'text', min_agree: 2 },
            },
          ],
        },
      });
      await view.check('25-limits');
    });

    it(`asks with it, and keeps what was made (${size})`, async () => {
      const page = await enter({ size });
      await startFrom(page, 'Two agents');
      await node(page, 'Question').click();
      await page.getByLabel('Question to try it with').fill('Why is the sky blue?');
      await node(page, 'aggregator').click();
      await page.getByLabel('Name', { exact: true }).fill('the last one');
      await valid(page);
      await page.getByRole('button', { name: 'Ask with it' }).click();
      await page.getByRole('heading', { name: 'Ask a mixture' }).waitFor();
      assert.equal(await page.getByLabel('Preset').inputValue(), 'draft:');
      assert.equal(await page.getByLabel('Question').inputValue(), 'Why is the sky blue?');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.locator('.turn[data-state="SUCCEEDED"]').waitFor();
      const asked = await (await fetch(`${live.cluster.url}/v1/jobs/${new URL(page.url()).hash.split('/')[2]}`)).json();
      assert.deepEqual(asked.layers.map(({ agents }) => agents.map(({ agent }) => agent)), [['agent 1', 'agent 2'], ['the last one']]);
      await view.check('26-asked');
      // Saved under a name it is offered like a preset, and the conversation goes on with it.
      await page.getByRole('link', { name: 'Builder' }).click();
      await valid(page);
      assert.equal((await job(page)).moa.aggregator.name, 'the last one');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('dialog').getByLabel('Name').fill('my own');
      await view.check('27-save');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await page.getByRole('heading', { name: 'my own' }).waitFor();
      await page.reload();
      await valid(page);
      await page.getByRole('heading', { name: 'my own' }).waitFor();
      assert.equal((await job(page)).prompt, 'Why is the sky blue?');
      await page.getByRole('button', { name: 'Ask with it' }).click();
      assert.equal(await page.getByLabel('Preset').inputValue(), 'my:my own');
      await view.check('28-choose');
      await page.getByRole('link', { name: 'Open my own in the Builder' }).click();
      await valid(page);
      page.once('dialog', (dialog) => dialog.accept());
      await page.getByRole('button', { name: 'Start from…' }).click();
      await page.getByRole('button', { name: 'Delete my own' }).click();
      await page.getByText('What you save is listed here').waitFor();
      assert.equal(await page.evaluate(() => localStorage.getItem('moa.builder.saved')), '[]');
    });
  }

  it('reads files and writes them back, ours and the workshop’s', async () => {
    const page = await enter();
    await importFile(page, 'docs/examples/trip.yaml');
    await page.getByText('trip.yaml was read.').waitFor();
    const original = await convert(readFileSync(source('docs/examples/trip.yaml'), 'utf8'), 'trip.yaml');
    assert.deepEqual(await job(page), original.job);
    const yaml = await exported(page, 'YAML');
    assert.equal(yaml, original.yaml);
    assert.deepEqual(JSON.parse(await exported(page, 'JSON')), original.job);
    await startFrom(page, 'Two agents');
    await importText(page, yaml);
    await page.getByText('The text was read.').waitFor();
    assert.equal(await exported(page, 'YAML'), yaml);

    await importFile(page, 'docs/examples/workshop-export.json');
    await page.getByText('workshop-export.json was read as a file of the workshop').waitFor();
    const { ai_configuration: given } = JSON.parse(readFileSync(source('docs/examples/workshop-export.json'), 'utf8'));
    assert.deepEqual(JSON.parse(await exported(page, 'Workshop')).ai_configuration, given);
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    await page.getByRole('dialog').getByRole('radio', { name: 'Workshop' }).check();
    await view.check('29-export');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    assert.equal(download.suggestedFilename(), 'job.workshop.json');
    assert.deepEqual(JSON.parse(readFileSync(await download.path(), 'utf8')).ai_configuration, given);
    await page.keyboard.press('Escape');

    // What cannot be read says where it is wrong, and nothing is replaced.
    const before = await job(page);
    await importText(page, '{"main_model": 3, "layer_agents": []}');
    await page.getByRole('dialog').getByText('main_model').last().waitFor();
    await view.check('30-import');
    await page.getByLabel('Or its text').fill('moa: [\n');
    await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
    await page.getByRole('dialog').getByText('The file cannot be read').waitFor();
    await page.keyboard.press('Escape');
    assert.deepEqual(await job(page), before);
    // What the app has no shape for is said, and not written.
    await startFrom(page, 'cepo');
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    await page.getByRole('dialog').getByRole('radio', { name: 'Workshop' }).check();
    await page.getByText('The workshop’s app has no MoA of this shape').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Download' }).isDisabled());
  });

  it('keeps fields that it has no form for, and follows the source', async () => {
    const page = await enter({ colors: 'dark' });
    await page.getByRole('tab', { name: 'Source' }).click();
    const yaml = page.getByLabel('The job as YAML');
    await page.waitForFunction(() => document.getElementById('builder-source').value.includes('analyst'));
    const format = { type: 'json_schema', name: 'x', schema: { type: 'object', properties: { b: { type: 'string' } } } };
    const tools = [{ name: 'f', parameters: { type: 'object', properties: {} } }];
    const text = JSON.stringify({ tools, moa: { layers: [{ agents: [{ name: 'a', model: 'gpt-oss-120b', response_format: format }] }], aggregator: { model: 'gpt-oss-120b' } } });
    await yaml.fill(text);
    await node(page, /^a, gpt/).click();
    await page.getByText('Also set, in the source').waitFor();
    // The text stays as it was typed; the form's edit is added to it.
    assert.equal(await yaml.inputValue(), text);
    await page.getByLabel('Temperature').fill('0.5');
    await page.waitForFunction(() => document.getElementById('builder-source').value.includes('temperature: 0.5'));
    const kept = JSON.parse(await exported(page, 'JSON'));
    assert.deepEqual(kept.tools, tools);
    assert.equal(kept.moa.layers[0].agents[0].temperature, 0.5);
    assert.deepEqual(JSON.parse(kept.moa.layers[0].agents[0].response_format.schema), format.schema);
    // A mistake of meaning is shown at its field and its line, one of form at its line.
    await yaml.fill('prompt: Why?\nmoa:\n  layers:\n    - agents: [{name: a, model: gpt-oss-120b, temperature: hot}]\n  colour: red\n  aggregator: {model: gpt-oss-120b}\n');
    await page.getByRole('button', { name: 'Line 5' }).click();
    assert.equal(await yaml.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), '  colour: red');
    await page.locator('.b-field', { hasText: 'Temperature' }).getByText('must be a number, not "hot"').waitFor();
    await view.check('31-source');
    await yaml.fill('moa:\n  layers: [\n');
    await page.getByRole('button', { name: /^Line \d/ }).first().waitFor();
    assert.equal((await job(page)).moa.colour, 'red');
    await page.getByRole('button', { name: 'Undo' }).click();
    await valid(page);
  });

  it('leaves a preset’s changes what they are until they are written out', async () => {
    const page = await enter();
    await importText(page, 'preset: moa\nmoa:\n  layers:\n    - agents: [{}, {temperature: 0.11}]\n');
    await page.getByText('This job changes the preset moa').waitFor();
    await node(page, /^skeptic, .*t 0\.11$/).click();
    // Beside what the job says stands what the preset does.
    assert.equal(await page.getByLabel('Temperature').inputValue(), '0.11');
    assert.equal(await page.getByLabel('Model', { exact: true }).inputValue(), '');
    assert.equal(await page.getByLabel('Model', { exact: true }).getAttribute('placeholder'), 'qwen-3.8-27b');
    await page.getByLabel('Max tokens').fill('700');
    await valid(page);
    assert.deepEqual(await job(page), { preset: 'moa', moa: { layers: [{ agents: [{}, { temperature: 0.11, max_completion_tokens: 700 }] }] } });
    await view.check('32-changes');
    await node(page, /^Layer 1/).click();
    assert.equal(await page.getByRole('button', { name: 'Remove skeptic' }).count(), 0);
    await page.getByRole('button', { name: 'Write it out' }).click();
    await node(page, 'skeptic').click();
    assert.equal(await page.getByLabel('Temperature').inputValue(), '0.11');
    assert.equal(await page.getByLabel('Model', { exact: true }).inputValue(), 'qwen-3.8-27b');
    const whole = await job(page);
    assert.equal(whole.preset, undefined);
    assert.equal(whole.moa.layers[0].agents.length, 4);
  });

  it('opens a preset from Chat, and takes the way back', async () => {
    view = await live.open(live.cluster.url, refusals);
    const { page } = view;
    await page.getByRole('link', { name: 'Open routed in the Builder' }).click();
    await node(page, /^router/).waitFor();
    await valid(page);
    await view.check('33-routed');
    assert.equal(new URL(page.url()).hash, '#/builder');
    await page.getByRole('button', { name: 'Undo' }).click();
    await node(page, 'analyst').waitFor();
    await page.goto(`${live.cluster.url}/#/builder/preset/none`);
    await page.getByText('There is no preset “none”.').waitFor();
  });

  it('forgets answers about what has changed since', async () => {
    const page = await enter();
    await node(page, 'analyst').click();
    // The answer about 9 does not come before the next edit, and is not waited for then.
    const about9 = (request) => request.url().endsWith('/inspect') && request.postData().includes('"temperature":9');
    await page.route('**/v1/jobs/inspect', (route) => (about9(route.request()) ? null : route.continue()));
    const asked = page.waitForRequest(about9);
    await page.getByLabel('Temperature').fill('9');
    const given = page.waitForEvent('requestfailed', about9);
    await asked;
    await page.locator('.b-status.is-checking').waitFor();
    await page.getByLabel('Temperature').fill('0.5');
    await given;
    await valid(page);
    assert.equal(await page.locator('.b-problem').count(), 0);
  });

  it('says when the server cannot be asked, and when the browser keeps nothing', async () => {
    const page = await enter({ expected: ['400', 'ERR_FAILED', 'Failed to load'] });
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new Error('full');
      };
    });
    await page.route('**/v1/jobs/inspect', (route) => route.abort());
    await node(page, 'analyst').click();
    await page.getByLabel('Temperature').fill('0.5');
    await page.getByText('Not checked: the gateway cannot be reached').first().waitFor();
    await page.getByText('This browser keeps nothing more').waitFor();
    await view.check('34-alone');
    await page.unroute('**/v1/jobs/inspect');
    await valid(page);
  });

  it('can be used with the keyboard alone', async () => {
    const page = await enter();
    await node(page, 'skeptic').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Agent: skeptic' }).waitFor();
    await page.getByRole('tab', { name: 'Prompts' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-source');
    await page.getByLabel('The job as YAML').waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Layer 1' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'part-title');
    assert.deepEqual((await job(page)).moa.layers[0].agents.map(({ name }) => name), ['analyst', 'practitioner', 'explorer']);
  });
});
