import { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { Clock } from '@berth/shared/process/clock';
import { describe, expect, it } from 'vitest';
import type { CommitRequest } from '../contract/commit.js';
import { MemoryStore } from './memory-store.js';

/** Time stands still until a test moves it. */
class HeldClock implements Clock {
  #nowMs = 1_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = { atMs: this.#nowMs + ms, wake: resolve };
      this.#timers.add(timer);
      signal?.addEventListener('abort', () => {
        this.#timers.delete(timer);
        resolve();
      });
    });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.wake();
    }
  }

  get sleepers(): number {
    return this.#timers.size;
  }
}

function writing(id: string): CommitRequest {
  return { actor: 'test', writes: [{ kind: 'cluster', id, record: ClusterRecord.fromPartial({ id }) }] };
}

const logStart = { revision: 0, commitId: '' };

describe('the memory store', () => {
  it('waits on its clock in a blocking read, and leaves no timer behind', async () => {
    const clock = new HeldClock();
    const store = new MemoryStore({ clock });
    const reader = store.openLogReader();
    const idle = reader.readLog(logStart, 5_000);
    clock.advance(5_000);
    expect(await idle).toEqual({ ok: true, entries: [], isFull: false });
    const woken = reader.readLog(logStart, 5_000);
    await store.commit(writing('a'));
    expect(await woken).toMatchObject({ ok: true, entries: [{ revision: 1, atMs: 6_000 }] });
    expect(clock.sleepers).toBe(0);
  });

  it('times leases, heartbeats, claims and archives by its clock', async () => {
    const clock = new HeldClock();
    const store = new MemoryStore({ clock });
    const first = await store.tryAcquire('first', 1_000);
    await store.recordHeartbeats(['agent']);
    const claims = [{ name: 'n', owner: 'one', ttlMs: 1_000 }];
    const archive = [{ jobId: 'j', ttlMs: 1_000, fields: { job: Uint8Array.of(1) } }];
    await store.commit({ actor: 'test', writes: [], claims, archive });
    const other = { actor: 'test', writes: [], claims: [{ name: 'n', owner: 'two' }] };
    clock.advance(999);
    expect(await store.tryAcquire('second', 1_000)).toBeUndefined();
    expect(await store.findAlive(['agent'], 999)).toEqual(['agent']);
    expect(await store.commit(other)).toMatchObject({ ok: false, reason: 'claimed', owner: 'one' });
    expect(await store.findArchived('j')).toBeDefined();
    clock.advance(1);
    expect((await store.tryAcquire('second', 1_000))?.epoch).toBeGreaterThan(first?.epoch ?? 0);
    expect(await store.findSilent(999)).toEqual(['agent']);
    expect(await store.commit(other)).toMatchObject({ ok: true });
    expect(await store.findArchived('j')).toBeUndefined();
  });

  it('keeps a bounded log, and can be trimmed', async () => {
    const store = new MemoryStore({ logLength: 10 });
    const reader = store.openLogReader();
    for (let count = 0; count < 30; count += 1) await store.commit(writing('a'));
    expect(await reader.readLog(logStart, 0)).toEqual({ ok: false, reason: 'trimmed' });
    const head = await reader.head();
    await store.commit(writing('b'));
    expect(await reader.readLog(head, 0)).toMatchObject({ ok: true, entries: [{ revision: 31 }] });
    store.trimLog(0);
    expect(await reader.readLog(head, 0)).toEqual({ ok: false, reason: 'trimmed' });
    expect(await reader.readLog(await reader.head(), 0)).toEqual({ ok: true, entries: [], isFull: false });
  });

  it('refuses every call after it was closed', async () => {
    const store = new MemoryStore();
    const reading = store.openReportInbox().readReports('0', 1, 60_000);
    const ended = expect(reading).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
    await ended;
    await expect(store.commit(writing('a'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
