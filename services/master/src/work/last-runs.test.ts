import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aCluster, cron } from '../testing/cluster-fixtures.js';
import { minute, must, second, t0 } from '../testing/fixtures.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';

describe('the last runs of a cluster', () => {
  it('stay listed with the way they ended after their jobs have left, and go with their cluster', async () => {
    const stage = await TestStage.open();
    await stage.startMaster({ BERTH_MASTER_FINISHED_RETENTION: '10s' });
    await stage.register();
    const record = aCluster({ labels: cron('* * * * *') });
    await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: record.id, record }] });
    await settle();
    await stage.advance(minute);
    const [job] = [...stage.replica.all('job')];
    const id = must(job).id;
    await stage.report(`${id}.0-0`, State.FAILED, { text: 'exit code 3', exitCode: 3 });
    await stage.advance(15 * second);
    expect(stage.replica.find('job', id)).toBeUndefined();
    const [run] = must(stage.replica.find('clusterRuns', 'c-1')).record.runs;
    expect(run).toMatchObject({
      job: { id, fireAtMs: t0 + minute },
      status: { state: { state: State.FAILED } },
      task: { task: { state: { reason: 'failed: exit code 3' } } },
    });
    await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: 'c-1' }] });
    await stage.advance(second);
    expect(stage.replica.count('clusterRuns')).toBe(0);
  });
});
