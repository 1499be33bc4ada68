import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BerthClient } from '../berth-client.js';
import { cellEvents, changes } from '../testing/cell-events.js';
import {
  type CellStream as Stream,
  sendEvents as send,
  startScriptedCell,
} from '../testing/scripted-cell.js';

const { bookmark, reset, snapshot, snapshotEnd } = cellEvents;
const { job } = changes;
const patienceMs = 10_000;

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** Starts a gateway. Each stream takes the next script; after the last script all streams take that one. */
async function gateway(...scripts: readonly ((stream: Stream) => void)[]) {
  const { address, requests, close } = await startScriptedCell(...scripts);
  open.push(close);
  const client = BerthClient.connect({ address });
  open.push(() => client.close());
  return { client, requests };
}

const breakOff = (stream: Stream) =>
  stream.emit('error', Object.assign(new Error('away'), { code: status.UNAVAILABLE, details: 'away' }));

describe('observing a cell', () => {
  it('sends a reset before a second snapshot, also after an attempt without any message', async () => {
    const streams: Stream[] = [];
    const { client } = await gateway(
      (stream) => {
        streams.push(stream);
        send(stream, snapshot(job('gone')));
      },
      breakOff,
      (stream) => send(stream, snapshot(job('a')), snapshotEnd(9)),
    );
    const kinds: string[] = [];
    const subscription = client.observe().subscribe(({ $case }) => {
      kinds.push($case);
      // The snapshot has arrived: cut its stream, without an end of the snapshot.
      if (kinds.length === 1) for (const stream of streams) breakOff(stream);
    });
    await vi.waitFor(() => expect(kinds).toContain('snapshotEnd'), { timeout: patienceMs });
    subscription.unsubscribe();
    expect(kinds).toEqual(['snapshot', 'reset', 'snapshot', 'snapshotEnd']);
  });

  it('reports the reason of a reset also to observers of jobs or counts', async () => {
    const reasons: string[] = [];
    const onReset = (reason: string) => reasons.push(reason);
    const { client } = await gateway((stream) => send(stream, reset, snapshot(job('a')), snapshotEnd(9)));
    const options = { reconnect: true, onReset };
    const subscription = client.observeJobs(options).subscribe();
    subscription.add(client.observeTaskCounts(['state'], options).subscribe());
    await vi.waitFor(() => expect(reasons).toHaveLength(2), { timeout: patienceMs });
    subscription.unsubscribe();
    expect(reasons).toEqual([reset, reset].map((event) => event.$case === 'reset' && event.value.reason));
  });

  it('ignores its original start position after a reset', async () => {
    const streams: Stream[] = [];
    const { client, requests } = await gateway(
      (stream) => {
        streams.push(stream);
        send(stream, reset, snapshot(job('a')));
      },
      (stream) => send(stream, bookmark(9)),
    );
    const resumeFrom = { revision: 1, commitId: 'c1' };
    const subscription = client.observe({ subscription: { resumeFrom } }).subscribe(({ $case }) => {
      if ($case === 'snapshot') for (const stream of streams) breakOff(stream);
    });
    await vi.waitFor(() => expect(requests).toHaveLength(2), { timeout: patienceMs });
    subscription.unsubscribe();
    const froms = requests.map(({ request }) =>
      request?.$case === 'subscription' ? request.value.resumeFrom : 'no subscription',
    );
    expect(froms).toEqual([resumeFrom, undefined]);
  });
});
