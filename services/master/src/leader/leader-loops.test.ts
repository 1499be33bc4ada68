import { parseConfig } from '@berth/shared/process/config';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { leaderSettingsOf, masterConfigSchema } from '../config.js';
import { createMasterMetrics } from '../metrics/master-metrics.js';
import { aCluster, cron } from '../testing/cluster-fixtures.js';
import { aJob, minute, must, second } from '../testing/fixtures.js';
import { StoreLink } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';
import { runLeader } from './leader-loops.js';

const leaseMs = 3 * second;

/** The loops of a leader that was paused while another master took over. */
async function replacedLeader() {
  const stage = await TestStage.open();
  const { clock, replica } = stage;
  const { epoch } = must(await stage.store.tryAcquire('old', leaseMs));
  const link = new StoreLink(stage.store);
  const ending = new AbortController();
  const settings = leaderSettingsOf(parseConfig(masterConfigSchema, {}));
  const metrics = createMasterMetrics(new Registry());
  let isOver = false;
  const done = runLeader(
    { settings, store: link, log: silentLogger, clock, random: systemRandom, replica, metrics, epoch },
    ending.signal,
  ).then(() => {
    isOver = true;
  });
  onTestFinished(async () => {
    ending.abort();
    await done;
  });
  await settle();
  await clock.jump(2 * leaseMs);
  must(await stage.store.tryAcquire('new', 60 * minute));
  return { stage, link, isOver: () => isOver };
}

describe('a leader that was paused and replaced', () => {
  it.each([
    { loop: 'rounds', cause: (stage: TestStage) => stage.submit(aJob()) },
    { loop: 'liveness', cause: (stage: TestStage) => stage.register() },
    {
      loop: 'schedules',
      cause: async (stage: TestStage) => {
        const record = aCluster({ labels: cron('* * * * *') });
        await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: record.id, record }] });
      },
    },
  ])('ends all its loops when a commit of its $loop is fenced', async ({ cause }) => {
    const { stage, link, isOver } = await replacedLeader();
    expect(isOver()).toBe(false);
    await cause(stage);
    await stage.advance(minute);
    expect(isOver()).toBe(true);
    expect(link.results).toMatchObject([{ ok: false, reason: 'fenced' }]);
    await stage.submit(aJob({ id: 'job-2' }));
    await stage.register({ id: 'agent-2' });
    await stage.advance(minute);
    expect(link.requests).toHaveLength(1);
  });
});
