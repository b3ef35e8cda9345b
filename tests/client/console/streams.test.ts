import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { count, duration, money, percent } from '../../../client/console/src/format';
import { EventReader } from '../../../client/console/src/sse';

describe('server-sent events', () => {
  const stream = ': hello\r\n\r\nid: 7\r\nevent: task_delta\r\ndata: {"a":"ü"}\r\n\r\ndata: 1\ndata:2\n\nid: 8\n\nevent: none\n\n';
  it('are the same however the stream is cut', () => {
    const bytes = new TextEncoder().encode(stream);
    for (let size = 1; size <= bytes.length; ++size) {
      const reader = new EventReader();
      const events = [];
      for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.subarray(at, at + size)));
      assert.deepEqual(events, [
        { id: '7', name: 'task_delta', data: '{"a":"ü"}' },
        { id: '7', name: 'message', data: '1\n2' },
      ], `pieces of ${size}`);
    }
  });
});

describe('numbers', () => {
  it('are short', () => {
    assert.deepEqual([0.2, 12.4, 1500, 75_000, 4_000_000, null].map(duration), ['<1 ms', '12 ms', '1.50 s', '1 min 15 s', '1 h 6 min', '–']);
    assert.deepEqual([0, 999, 12345, null].map(count), ['0', '999', '12\u202f345', '–']);
    assert.deepEqual([0, 0.00001, 0.0123, 4.5].map(money), ['$0', '<$0.0001', '$0.0123', '$4.50']);
    assert.deepEqual([0, 0.004, 0.5].map(percent), ['0 %', '<1 %', '50 %']);
  });
});
