import type { MessageBurst } from '@berth/shared/rpc/streaming/message-burst';
import { describe, expect, it } from 'vitest';
import { encoded, type PendingMessage } from '../../tuning/encoding/pending-message.js';
import { tuned } from '../../tuning/observe-tuning.js';
import { notReady } from './initial-messages.js';
import { nextSnapshotBurst } from './snapshot-burst.js';

const message = (text: string, bytes = text.length) => encoded(Buffer.alloc(bytes, text));

/** The next burst of messages that are all there. */
function next(messages: Iterator<PendingMessage>): MessageBurst | undefined {
  const burst = nextSnapshotBurst(messages, tuned);
  if (burst === notReady) throw new Error('all is there');
  return burst;
}

describe('the bursts of a snapshot', () => {
  it('hold all its messages, in order and complete', () => {
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index} `.repeat(1 + index * 3));
    const messages = texts.map((text) => message(text)).values();
    const received: string[] = [];
    for (let burst = next(messages); burst !== undefined; burst = next(messages)) {
      received.push(...burst.messages().map(String));
      burst.release?.();
    }
    expect(received).toEqual(texts);
  });

  it('are written into the same memory again, but only after its release', () => {
    const burstOf = (text: string) => next([message(text, 50_000)].values());
    const [first, second] = [burstOf('a'), burstOf('b')];
    expect(second?.frames.buffer).not.toBe(first?.frames.buffer);
    first?.release?.();
    const third = burstOf('c');
    expect(third?.frames.buffer).toBe(first?.frames.buffer);
    expect(burstOf('d')?.frames.buffer).not.toBe(second?.frames.buffer);
    expect(
      [second, third].map((burst) => burst?.messages().map((one) => one.toString('utf8', 0, 2))),
    ).toEqual([['bb'], ['cc']]);
  });

  it('have memory of their own if a message is large', () => {
    const large = next([message('x', 3_000_000)].values());
    expect([large?.byteLength, large?.count, large?.release]).toEqual([3_000_005, 1, undefined]);
  });

  it('end with the snapshot', () => {
    expect(nextSnapshotBurst([].values(), tuned)).toBeUndefined();
  });

  it('end before a message that is not ready', () => {
    const messages = [message('a'), message('b'), notReady, notReady, message('c')] as const;
    const all = messages.values();
    const received = Array.from({ length: 5 }, () => {
      const burst = nextSnapshotBurst(all, tuned);
      return burst === undefined || burst === notReady ? burst : burst.messages().map(String);
    });
    expect(received).toEqual([['a', 'b'], notReady, ['c'], undefined, undefined]);
  });
});
