import { expect, it } from 'vitest';
import { clusterWrite, ScriptedCell } from '../../testing/scripted-cell.js';
import { SlowSink } from '../../testing/slow-sink.js';
import { tuned } from '../../tuning/observe-tuning.js';
import { clusterStream } from './cluster-stream.js';
import { clusterNotificationsOf } from './core/cluster-notifications.js';

it('ends with the removal of its cluster, even if the cluster is created again in the same batch', async () => {
  const cell = new ScriptedCell();
  cell.commit(clusterWrite('c'));
  const sink = new SlowSink(100);
  const stream = clusterStream({ tuning: tuned, sink, snapshot: [], endsWithCluster: true });
  stream.start();
  stream.offer([
    ...clusterNotificationsOf(cell.commit({ kind: 'cluster', id: 'c' }), cell),
    ...clusterNotificationsOf(cell.commit(clusterWrite('c')), cell),
  ]);
  await stream.done;
  // The end of the snapshot, and the removal.
  expect(sink.read()).toHaveLength(2);
});
