import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boxHeight, boxWidth, drawn } from '../../../client/console/src/builder/graph';
import type { JsonObject } from '../../../client/console/src/builder/tree';

const agents = (count: number): JsonObject[] => Array.from({ length: count }, (_, i) => ({ name: `a${i}`, model: 'm' }));
const mixture: JsonObject = {
  moa: {
    layers: [
      { cycles: 3, agents: agents(3), route: { router: { model: 'r' }, top: 2 } },
      { agents: [{ name: 's', model: 'm', samples: 8, temperature: 0.5 }], critique: { critics: agents(2), rounds: 2 }, vote: {} },
    ],
    aggregator: { model: 'm' },
  },
};

describe('the drawing', () => {
  it('goes from the question over every part to the answer', () => {
    const { boxes, frames } = drawn(mixture);
    assert.deepEqual(boxes.map((box) => box.part), [
      '', 'moa.layers[0].route.router', 'moa.layers[0].agents[0]', 'moa.layers[0].agents[1]', 'moa.layers[0].agents[2]',
      'moa.layers[1].agents[0]', 'moa.layers[1].critique.critics[0]', 'moa.layers[1].critique.critics[1]', 'moa.aggregator',
    ]);
    assert.deepEqual(frames.map(({ part, loop, notes }) => [part, loop, notes]), [
      ['moa.layers[0]', '3 cycles', ['top 2']],
      ['moa.layers[1]', '', ['vote', '≤ 2 rounds']],
    ]);
    const samples = boxes.find((box) => box.part === 'moa.layers[1].agents[0]');
    assert.deepEqual([samples?.title, samples?.note], ['s × 8', 'm · t 0.5']);
  });
  it('has boxes that do not touch, inside of the picture and of their layer', () => {
    const { boxes, frames, width, height } = drawn(mixture);
    for (const [i, box] of boxes.entries()) {
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + boxWidth <= width && box.y + boxHeight <= height, box.part);
      for (const other of boxes.slice(i + 1)) {
        assert.ok(Math.abs(box.x - other.x) >= boxWidth || Math.abs(box.y - other.y) >= boxHeight, `${box.part} ${other.part}`);
      }
      for (const frame of frames) {
        const inside = box.x >= frame.x && box.x + boxWidth <= frame.x + frame.width && box.y >= frame.y && box.y + boxHeight <= frame.y + frame.height;
        assert.equal(inside, box.part.startsWith(frame.part), `${box.part} ${frame.part}`);
      }
    }
  });
  it('joins each box to what comes before and after it', () => {
    // Question 1, router 2, three agents 6, sampler 2, two critics 4, aggregator 1.
    assert.equal(drawn(mixture).lines.length, 16);
  });
  it('stays small with hundreds of agents', () => {
    const { boxes, height } = drawn({ moa: { layers: [{ agents: agents(256) }], aggregator: {} } });
    assert.equal(boxes.length, 14);
    assert.equal(boxes.find((box) => box.kind === 'more')?.title, '245 more');
    assert.ok(height < 1000);
  });
  it('draws whatever a job is', () => {
    for (const job of [{}, { moa: 3 }, { moa: { layers: 'x' } }, { moa: { layers: [{ agents: [null, 3] }, {}], aggregator: [] } }]) {
      const graph = drawn(job as JsonObject);
      assert.ok(graph.boxes.length >= 2 && Number.isFinite(graph.width) && Number.isFinite(graph.height));
    }
    assert.equal(drawn({ moa: { answer: 'best' } }).boxes.at(-1)?.title, 'Best answer');
  });
});
