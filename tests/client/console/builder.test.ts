import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as edits from '../../../client/console/src/builder/edits';
import { livePart, partOf, problemOf, problemsAt, problemsBeside, problemsOfPart } from '../../../client/console/src/builder/places';
import { type JsonObject, insertItem, itemsAt, moveItem, parsePath, pathText, removeItem, valueAt, withValue } from '../../../client/console/src/builder/tree';
import { shapeOfJob } from '../../../client/console/src/shape';
import { begin, record, redo, undo } from '../../../client/console/src/builder/undo';
import { linesOf, namesOf, numberOf, shown } from '../../../client/console/src/builder/values';

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
};
const job = (): JsonObject =>
  freeze({
    tools: [{ name: 'f' }],
    moa: {
      layers: [
        { cycles: 2, agents: [{ name: 'a', model: 'm', odd: { kept: [1] } }, { name: 'b', model: 'n', samples: 3 }] },
        { agents: [{ name: 'c', model: 'm' }], critique: { critics: [{ name: 'judge', model: 'n' }] } },
      ],
      aggregator: { model: 'm' },
    },
  });
const names = (tree: JsonObject, layer: number): unknown[] => itemsAt(tree, edits.agentsPath(layer)).map((agent) => agent.name);

describe('paths', () => {
  it('are read as they are written', () => {
    for (const path of ['moa.layers[0].agents[12].model', 'prompt', 'tools[0].parameters.type', '']) assert.equal(pathText(parsePath(path)), path);
    assert.deepEqual(parsePath('moa.layers[3]'), ['moa', 'layers', 3]);
  });
});

describe('a tree', () => {
  it('is changed in one place and shares the rest', () => {
    const before = job();
    const after = withValue(before, parsePath('moa.layers[0].agents[0].model'), 'x') as JsonObject;
    assert.equal(valueAt(after, parsePath('moa.layers[0].agents[0].model')), 'x');
    assert.deepEqual(valueAt(after, parsePath('moa.layers[0].agents[0].odd')), { kept: [1] });
    assert.equal(valueAt(after, parsePath('moa.layers[1]')), valueAt(before, parsePath('moa.layers[1]')));
    assert.equal(after.tools, before.tools);
  });
  it('gets what is missing on the way, and loses a field that is not said any more', () => {
    assert.deepEqual(withValue({}, parsePath('moa.layers[1].cycles'), 2), { moa: { layers: [{}, { cycles: 2 }] } });
    assert.deepEqual(withValue({ a: { b: 1, c: 2 } }, ['a', 'b'], undefined), { a: { c: 2 } });
  });
  it('has lists whose items come, go and move within bounds', () => {
    const list = { l: ['a', 'b', 'c'] };
    assert.deepEqual(insertItem(list, ['l'], 1, 'x'), { l: ['a', 'x', 'b', 'c'] });
    assert.deepEqual(removeItem(list, ['l'], 0), { l: ['b', 'c'] });
    assert.deepEqual(moveItem(list, ['l'], 2, 0), { l: ['c', 'a', 'b'] });
    assert.deepEqual(moveItem(list, ['l'], 2, 3), list);
    assert.deepEqual(insertItem({}, ['new'], 0, 'x'), { new: ['x'] });
  });
  it('survives what is not of the form', () => {
    assert.equal(valueAt({ moa: 3 }, parsePath('moa.layers[0]')), undefined);
    assert.deepEqual(itemsAt({ moa: { layers: 'x' } }, ['moa', 'layers']), []);
    assert.deepEqual(itemsAt({ l: [1, { a: 1 }] }, ['l']), [{}, { a: 1 }]);
    assert.equal(valueAt({}, ['toString']), undefined);
  });
});

describe('edits', () => {
  it('add agents under free names', () => {
    assert.deepEqual(names(edits.addAgent(job(), edits.agentsPath(0), 0, 'agent', 'm'), 0), ['a', 'b', 'agent 3']);
    assert.deepEqual(names(edits.duplicateAgent(job(), edits.agentsPath(0), 0, 0), 0), ['a', 'a 2', 'b']);
    const copy = itemsAt(edits.duplicateAgent(job(), edits.agentsPath(0), 0, 0), edits.agentsPath(0))[1];
    assert.deepEqual(copy, { name: 'a 2', model: 'm', odd: { kept: [1] } });
    assert.equal(edits.freeName('a 2', ['a', 'a 2']), 'a 3');
    // A critic's name differs from the agents' as well.
    const critics = edits.duplicateAgent(job(), edits.criticsPath(1), 1, 0);
    assert.deepEqual(itemsAt(critics, edits.criticsPath(1)).map((critic) => critic.name), ['judge', 'judge 2']);
  });
  it('take a layer away with its last agent, and critics with the last one', () => {
    assert.deepEqual(names(edits.removeAgent(job(), 0, 0), 0), ['b']);
    assert.equal(itemsAt(edits.removeAgent(job(), 1, 0), edits.layersPath).length, 1);
    assert.equal(valueAt(edits.removeCritic(job(), 1, 0), parsePath('moa.layers[1].critique')), undefined);
  });
  it('add, copy and move layers', () => {
    assert.deepEqual(names(edits.addLayer(job(), 1, 'm'), 1), ['agent 1']);
    assert.deepEqual(names(edits.duplicateLayer(job(), 0), 1), ['a', 'b']);
    assert.deepEqual(names(moveItem(job(), edits.layersPath, 1, 0), 0), ['c']);
  });
  it('switch parts of a layer on with what they must have', () => {
    const on = (group: edits.Group): unknown => valueAt(edits.setGroup(job(), 0, group, true, 'm'), ['moa', 'layers', 0, group]);
    assert.deepEqual(on('quorum'), { min: 3 });
    assert.deepEqual(on('critique'), { critics: [{ name: 'critic', model: 'm' }] });
    assert.deepEqual(on('early_exit'), { match: 'text', min_agree: 3 });
    const routed = edits.setGroup(job(), 0, 'route', true, 'm');
    assert.deepEqual(valueAt(routed, parsePath('moa.layers[0].route')), { router: { name: 'router', model: 'm', max_completion_tokens: 400 }, top: 2 });
    // No more answers than the router lets run.
    assert.deepEqual(valueAt(edits.setGroup(routed, 0, 'enough', true, 'm'), parsePath('moa.layers[0].enough')), { answers: 2 });
    const off = edits.setGroup(job(), 1, 'critique', false, 'm');
    assert.deepEqual(valueAt(off, parsePath('moa.layers[1]')), { agents: [{ name: 'c', model: 'm' }] });
  });
  it('choose who answers', () => {
    const best = edits.setAnswer(job(), true, 'm');
    assert.equal(valueAt(best, parsePath('moa.aggregator')), undefined);
    assert.equal(valueAt(best, parsePath('moa.answer')), 'best');
    assert.deepEqual(valueAt(edits.setAnswer(best, false, 'z'), ['moa']), { layers: (job().moa as JsonObject).layers, aggregator: { model: 'z' } });
  });
  it('leave no empty optional parts behind', () => {
    const shuffled = edits.setField(job(), parsePath('moa.references.shuffle'), true);
    assert.deepEqual(edits.setField(shuffled, parsePath('moa.references.shuffle'), undefined), job());
    // An agent that says nothing is one all the same.
    assert.deepEqual(edits.setField({ a: [{ name: 'x' }] }, ['a', 0, 'name'], undefined), { a: [{}] });
  });
  it('know the usual model', () => {
    assert.equal(edits.usualModel(job(), 'z'), 'm');
    assert.equal(edits.usualModel({}, 'z'), 'z');
  });
});

describe('a job to be checked or asked with', () => {
  it('has a question', () => {
    assert.ok(edits.checkable({}).prompt);
    assert.ok(edits.checkable({ prompt: '' }).prompt);
    assert.equal(edits.checkable({ prompt: 'Why?' }).prompt, 'Why?');
    // What is wrong is the server's to say.
    assert.equal(edits.checkable({ prompt: 3 }).prompt, 3);
    const system = { role: 'system', content: 'Be brief.' };
    const messages = edits.checkable({ messages: [system] }).messages as JsonObject[];
    assert.deepEqual(messages.map((message) => message.role), ['system', 'user']);
    const asked = { messages: [system, { role: 'user', content: 'Why?' }] };
    assert.equal(edits.checkable(asked), asked);
  });
  it('is asked something else, with all that it says besides', () => {
    assert.deepEqual(edits.askWith({ prompt: 'old', follows: 'x', moa: {}, deadline: '3s' }, 'mine', 'new', null), { name: 'mine', moa: {}, deadline: '3s', prompt: 'new' });
    assert.deepEqual(edits.askWith({ name: 'own', messages: [], moa: {} }, 'mine', 'new', 'j'), { name: 'own', moa: {}, prompt: 'new', follows: 'j' });
  });
  it('is a preset written out', () => {
    assert.deepEqual(edits.writtenOut({ preset: 'moa', prompt: 'x', moa: { layers: [{}] } }, { aggregator: {} }), { prompt: 'x', moa: { aggregator: {} } });
  });
});

describe('a line about a job', () => {
  it('says what it is made of, whatever that is', () => {
    assert.equal(shapeOfJob(job()), '9 answers · 3 layers · aggregated');
    assert.equal(shapeOfJob({ preset: 'moa', moa: {} }), 'changes moa');
    for (const moa of [undefined, 3, { layers: 'x' }, { layers: [{ agents: 3 }, null], answer: 'best' }]) assert.match(shapeOfJob({ moa } as JsonObject), /^0 answers/);
  });
});

describe('a job that changes a preset', () => {
  const preset: JsonObject = { layers: [{ agents: [{ name: 'a', model: 'm', stop: ['x', 'y'] }, { name: 'b', model: 'm' }] }], aggregator: { model: 'm' } };
  it('is shown over the preset', () => {
    const changed = edits.shapeOf(freeze({ preset: 'p', moa: { layers: [{ cycles: 2, agents: [{}, { model: 'n' }, { name: 'c' }] }] } }), preset);
    assert.deepEqual(changed, {
      preset: 'p',
      moa: { layers: [{ cycles: 2, agents: [{ name: 'a', model: 'm', stop: ['x', 'y'] }, { name: 'b', model: 'n' }, { name: 'c' }] }], aggregator: { model: 'm' } },
    });
    assert.deepEqual(edits.shapeOf({ preset: 'p' }, preset).moa, preset);
    // Lists of texts are replaced as a whole.
    const stop = edits.shapeOf({ moa: { layers: [{ agents: [{ stop: ['z'] }] }] } }, preset);
    assert.deepEqual(valueAt(stop, parsePath('moa.layers[0].agents[0].stop')), ['z']);
  });
  it('has one who answers', () => {
    assert.deepEqual(Object.keys(edits.shapeOf({ moa: { answer: 'best' } }, preset).moa as JsonObject).sort(), ['answer', 'layers']);
    const best = { layers: [], answer: 'best' };
    assert.deepEqual(edits.shapeOf({ moa: { aggregator: { model: 'n' } } }, best).moa, { layers: [], aggregator: { model: 'n' } });
    assert.equal(edits.shapeOf({ moa: 3 }, undefined).moa, 3);
  });
  it('says only what changes', () => {
    assert.deepEqual(edits.setField({ preset: 'p' }, parsePath('moa.layers[0].agents[1].temperature'), 1), {
      preset: 'p',
      moa: { layers: [{ agents: [{}, { temperature: 1 }] }] },
    });
  });
});

describe('undo', () => {
  const [a, b, c, d] = [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }];
  it('goes back and forth', () => {
    let steps = record(record(begin(a), b, '', 0), c, '', 1);
    steps = undo(steps);
    assert.equal(steps.present, b);
    assert.equal(undo(steps).present, a);
    assert.equal(redo(steps).present, c);
    // A new edit forgets what was undone.
    assert.equal(redo(record(steps, d, '', 2)).present, d);
    assert.equal(undo(begin(a)).present, a);
    assert.equal(redo(begin(a)).present, a);
  });
  it('takes what is typed into one field for one step, but not for ever', () => {
    let steps = record(record(record(begin(a), b, 'name', 1000), c, 'name', 2000), d, 'name', 3000);
    assert.equal(undo(steps).present, a);
    steps = record(record(begin(a), b, 'name', 1000), c, 'name', 9000);
    assert.equal(undo(steps).present, b);
    steps = record(record(begin(a), b, 'name', 1000), c, 'model', 1001);
    assert.equal(undo(steps).present, b);
    // What comes after a step back is a step of its own.
    assert.equal(undo(record(undo(record(begin(a), b, 'name', 1000)), c, 'name', 1001)).present, a);
  });
  it('keeps a bounded number of steps', () => {
    let steps = begin({ n: 0 });
    for (let n = 1; n <= 1000; ++n) steps = record(steps, { n }, '', n);
    assert.equal(steps.past.length, 200);
  });
});

describe('places', () => {
  it('say which part shows a field', () => {
    const parts = {
      prompt: '', 'budget.max_cost_usd': '', 'tools[0].name': '', moa: 'moa', 'moa.references.template': 'moa', 'moa.layers': 'moa',
      'moa.aggregator.model': 'moa.aggregator', 'moa.layers[1]': 'moa.layers[1]', 'moa.layers[1].agents': 'moa.layers[1]',
      'moa.layers[1].quorum.min': 'moa.layers[1]', 'moa.layers[1].critique.escalate[0].temperature': 'moa.layers[1]',
      'moa.layers[1].agents[2].stop[0]': 'moa.layers[1].agents[2]', 'moa.layers[1].critique.critics[0].model': 'moa.layers[1].critique.critics[0]',
      'moa.layers[0].route.router.model': 'moa.layers[0].route.router', 'moa.layers[0].route.top': 'moa.layers[0]',
    };
    for (const [path, part] of Object.entries(parts)) assert.equal(partOf(path), part, path);
  });
  it('fall back to what is still there', () => {
    assert.equal(livePart(job(), 'moa.layers[0].agents[1]'), 'moa.layers[0].agents[1]');
    assert.equal(livePart(job(), 'moa.layers[0].agents[7]'), 'moa.layers[0]');
    assert.equal(livePart(job(), 'moa.layers[4].agents[0]'), 'moa');
    assert.equal(livePart(job(), 'moa.layers[1].route.router'), 'moa.layers[1]');
    assert.equal(livePart({}, ''), '');
  });
  it('have their problems', () => {
    const problems = ['moa.layers[0].agents[0].stop[1]', 'moa.layers[0].agents[1].model', 'moa.layers[0].agents[10].model', 'moa.layers[0].agents[1].odd'].map((path) => ({ path, message: 'no' }));
    assert.equal(problemsAt(problems, 'moa.layers[0].agents[0].stop').length, 1);
    assert.equal(problemsAt(problems, 'moa.layers[0].agents[1].mode').length, 0);
    assert.equal(problemsOfPart(problems, 'moa.layers[0].agents[1]').length, 2);
    assert.deepEqual(problemsBeside(problems, 'moa.layers[0].agents[1]', ['moa.layers[0].agents[1].model']).map(({ path }) => path), ['moa.layers[0].agents[1].odd']);
  });
  it('are found in warnings', () => {
    assert.deepEqual(problemOf('moa.layers[0].agents[1].model: x is an alias: y'), { path: 'moa.layers[0].agents[1].model', message: 'x is an alias: y' });
    assert.deepEqual(problemOf('Nothing: at all'), { path: '', message: 'Nothing: at all' });
  });
});

describe('values', () => {
  it('are numbers where JavaScript holds them exactly', () => {
    assert.deepEqual(['0.70', '-1', '1e3', ' 4 '].map(numberOf), [0.7, -1, 1000, 4]);
    assert.deepEqual(['1.', 'x', '01', '9007199254740993', '1e999', '+1'].map(numberOf), ['1.', 'x', '01', '9007199254740993', '1e999', '+1']);
    assert.equal(numberOf(' '), undefined);
  });
  it('are lists', () => {
    assert.deepEqual(namesOf(' a, b,,'), ['a', 'b']);
    assert.equal(namesOf(' ,'), undefined);
    assert.deepEqual(linesOf('a, b\n\nc '), ['a, b', 'c ']);
  });
  it('are shown whatever they are', () => {
    assert.deepEqual([undefined, null, 0, false, 'x', ['a', 1], { a: 1 }].map((value) => shown(value)), ['', '', '0', 'false', 'x', 'a, 1', '{"a":1}']);
  });
});
