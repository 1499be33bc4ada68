import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import type { QueuedReport, ReportInbox } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { describe, expect, it, onTestFinished } from 'vitest';
import { second, t0 } from '../testing/fixtures.js';
import { settle, VirtualClock } from '../testing/virtual-clock.js';
import { ReportReader } from './report-reader.js';

const reports = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) =>
    TaskReport.fromPartial({ agentId: 'agent-1', taskId: `task-${from + index}` }),
  );
const taskIds = (queued: readonly QueuedReport[]) => queued.map(({ report }) => report.taskId);

/** An inbox that a test can break, and that tells how much it was asked for. */
class BrittleInbox implements ReportInbox {
  readonly #inbox: ReportInbox;
  isBroken = false;
  reads = 0;

  constructor(inbox: ReportInbox) {
    this.#inbox = inbox;
  }

  async readReports(afterId: string, limit: number, blockMs: number): Promise<readonly QueuedReport[]> {
    this.reads += 1;
    if (this.isBroken) throw new Error('broken');
    return this.#inbox.readReports(afterId, limit, blockMs);
  }

  close(): Promise<void> {
    return this.#inbox.close();
  }
}

function start() {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  const inbox = new BrittleInbox(store.openReportInbox());
  const ending = new AbortController();
  const calls = { onReports: 0 };
  const random = systemRandom;
  const reader = new ReportReader({
    inbox,
    clock,
    random,
    log: silentLogger,
    onReports: () => calls.onReports++,
  });
  const done = reader.run(ending.signal);
  onTestFinished(async () => {
    ending.abort();
    await inbox.close();
    await done;
  });
  return { clock, store, inbox, reader, calls };
}

describe('the report reader', () => {
  it('keeps reports, in their order, until they are dropped', async () => {
    const { store, reader, calls } = start();
    for (const at of [0, 1, 2]) await store.publish(reports(at, 1));
    await settle();
    expect(taskIds(reader.peek(2))).toEqual(['task-0', 'task-1']);
    expect(taskIds(reader.peek(2))).toEqual(['task-0', 'task-1']);
    reader.drop(2);
    await store.publish(reports(3, 1));
    await settle();
    expect(taskIds(reader.peek(9))).toEqual(['task-2', 'task-3']);
    expect(calls.onReports).toBeGreaterThanOrEqual(2);
  });

  it('gives whole batches, one at least', async () => {
    const { store, reader } = start();
    await store.publish(reports(0, 3));
    await store.publish(reports(3, 2));
    await settle();
    expect(taskIds(reader.peek(4))).toEqual(['task-0', 'task-1', 'task-2']);
    expect(taskIds(reader.peek(5))).toHaveLength(5);
    expect(taskIds(reader.peek(1))).toEqual(['task-0', 'task-1', 'task-2']);
    expect(reader.peek(0)).toEqual([]);
    reader.drop(3);
    expect(taskIds(reader.peek(1))).toEqual(['task-3', 'task-4']);
  });

  it('calls back after its first read, even without reports', async () => {
    const { reader, calls } = start();
    expect(reader.hasRead).toBe(false);
    await settle();
    expect([reader.hasRead, calls.onReports]).toEqual([true, 1]);
  });

  it('reads no more than it may hold before some are dropped', async () => {
    const { store, reader } = start();
    await settle();
    for (let at = 0; at < 2500; at += 1) await store.publish(reports(at, 1));
    await settle();
    expect(reader.pending).toBe(2000);
    reader.drop(300);
    await settle();
    expect(reader.pending).toBe(2100);
    reader.drop(2100);
    await settle();
    expect(taskIds(reader.peek(1))).toEqual(['task-2400']);
  });

  it('continues at its last position after a failure of the store', async () => {
    const { clock, store, inbox, reader } = start();
    await store.publish(reports(0, 1));
    await settle();
    inbox.isBroken = true;
    await clock.advance(10 * second);
    await store.publish(reports(1, 2));
    expect(reader.pending).toBe(1);
    inbox.isBroken = false;
    await clock.advance(5 * second);
    expect(taskIds(reader.peek(9))).toEqual(['task-0', 'task-1', 'task-2']);
  });

  it('does not ask a failing store again and again', async () => {
    const { clock, inbox } = start();
    await settle();
    inbox.isBroken = true;
    const { reads } = inbox;
    await clock.advance(60 * second);
    expect(inbox.reads - reads).toBeLessThan(80);
  });
});

describe('the report reader is level', () => {
  it('from its first read that reached the end', async () => {
    const { clock, reader } = start();
    expect(reader.levelSinceMs(t0)).toBeUndefined();
    await clock.advance(20 * second);
    expect(reader.levelSinceMs(clock.nowMs())).toBe(t0);
  });

  it('no more once the store fails, and anew when that is over', async () => {
    const { clock, inbox, reader } = start();
    await settle();
    inbox.isBroken = true;
    await clock.advance(5 * second);
    expect(reader.levelSinceMs(clock.nowMs())).toBeUndefined();
    inbox.isBroken = false;
    const mendedMs = clock.nowMs();
    await clock.advance(5 * second);
    expect(reader.levelSinceMs(clock.nowMs())).toBeGreaterThanOrEqual(mendedMs);
  });

  it('no more after a pause of the machine, and anew with the next read', async () => {
    const { clock, reader } = start();
    await clock.advance(10 * second);
    const woken = clock.jump(60 * second);
    expect(reader.levelSinceMs(clock.nowMs())).toBeUndefined();
    await woken;
    expect(reader.levelSinceMs(clock.nowMs())).toBe(clock.nowMs());
  });

  it('not while more waits than one read brings', async () => {
    const { store, reader, clock } = start();
    await settle();
    await Promise.all(Array.from({ length: 2000 }, (_, at) => store.publish(reports(at, 1))));
    await settle();
    expect(reader.levelSinceMs(clock.nowMs())).toBeUndefined();
    reader.drop(2000);
    await clock.advance(3 * second);
    expect(reader.levelSinceMs(clock.nowMs())).toBeGreaterThan(t0);
  });
});
