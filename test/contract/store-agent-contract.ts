import { AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';
import { applied, assignment, cluster, report, request, taskOn } from './store-fixtures.js';

/** The traffic between master and agents: assignments, reports, heartbeats. */
export function agentContract(test: StoreUnderTest): void {
  const assign = (agentId: string, ...taskIds: string[]) =>
    taskIds.map((taskId) => ({ agentId, taskId, assignment: assignment(taskId) }));

  describe('the assignments of an agent', () => {
    it('hold every task that was assigned and not taken off', async () => {
      const { store } = test;
      const feed = store.openAssignmentFeed('one');
      applied(await store.commit(request([cluster('a')], { assignments: assign('one', 't1', 't2') })));
      applied(await store.commit(request([], { assignments: [{ agentId: 'one', taskId: 't1' }] })));
      applied(await store.commit(request([], { assignments: assign('two', 't3') })));
      expect(await feed.readAssignments('one')).toEqual([assignment('t2')]);
      expect(await feed.readAssignments('two')).toEqual([assignment('t3')]);
      expect(await feed.readAssignments('three')).toEqual([]);
    });

    it('are known to have run once the master has recorded it', async () => {
      const { store } = test;
      const ran = taskOn('one', 'j.0-0', 5);
      const elsewhere = taskOn('two', 'j.1-0', 5);
      applied(await store.commit(request([ran, elsewhere, taskOn('one', 'j.2-0', 0)])));
      const feed = store.openAssignmentFeed('one');
      expect(await feed.findRun('one', ['j.0-0', 'j.1-0', 'j.2-0', 'j.3-0'])).toEqual(['j.0-0']);
      expect(await feed.findRun('one', [])).toEqual([]);
    });

    it('come as changes from the first call on', async () => {
      const { store } = test;
      const feed = store.openAssignmentFeed('one');
      applied(await store.commit(request([], { assignments: assign('one', 'before') })));
      expect(await feed.readChanges(0)).toEqual([]);
      applied(await store.commit(request([], { assignments: assign('one', 't1', 't2') })));
      applied(await store.commit(request([], { assignments: [{ agentId: 'one', taskId: 't1' }] })));
      expect(await feed.readChanges(0)).toEqual([
        ...assign('one', 't1', 't2'),
        { agentId: 'one', taskId: 't1' },
      ]);
      expect(await feed.readChanges(0)).toEqual([]);
    });

    it('lose no change between a full read and the wait for changes', async () => {
      const { store } = test;
      const feed = store.openAssignmentFeed('one');
      expect(await feed.readAssignments('one')).toEqual([]);
      applied(await store.commit(request([], { assignments: assign('one', 't1') })));
      expect(await feed.readChanges(0)).toEqual(assign('one', 't1'));
    });

    it('of all agents on one feed come there in order and wake a waiting reader', async () => {
      const { store } = test;
      const feed = store.openAssignmentFeed('both');
      expect(await feed.readChanges(0)).toEqual([]);
      const onBoth = (agentId: string, taskId: string) =>
        assign(agentId, taskId).map((change) => ({ ...change, feed: 'both' }));
      const changes = feed.readChanges(30_000);
      const assignments = [...onBoth('two', 't1'), ...onBoth('one', 't2'), ...assign('other', 't3')];
      applied(await store.commit(request([], { assignments })));
      expect(await changes).toEqual([...assign('two', 't1'), ...assign('one', 't2')]);
      expect(await feed.readAssignments('two')).toEqual([assignment('t1')]);
      const withdrawn = [{ agentId: 'two', taskId: 't1', feed: 'both' }];
      applied(await store.commit(request([], { assignments: withdrawn })));
      expect(await feed.readChanges(0)).toEqual([{ agentId: 'two', taskId: 't1' }]);
      expect(await feed.readAssignments('two')).toEqual([]);
    });

    it('go with the agent when it is removed', async () => {
      const { store } = test;
      const record = AgentRecord.fromPartial({ id: 'one' });
      const assignments = assign('one', 't1');
      applied(await store.commit(request([{ kind: 'agent', id: 'one', record }], { assignments })));
      await store.recordHeartbeats(['one']);
      applied(await store.commit(request([{ kind: 'agent', id: 'one' }])));
      expect(await store.openAssignmentFeed('one').readAssignments('one')).toEqual([]);
      expect(await store.findAlive(['one'], 60_000)).toEqual([]);
    });
  });

  describe('reports', () => {
    it('come in the order of their publication and stay until a commit acknowledges them', async () => {
      const { store } = test;
      const inbox = store.openReportInbox();
      await store.publish([report('t1'), report('t2')]);
      await store.publish([report('t3')]);
      const queued = await inbox.readReports('0', 10, 0);
      expect(queued.map(({ report: { taskId } }) => taskId)).toEqual(['t1', 't2', 't3']);
      expect(queued[0]?.streamId).toBe(queued[1]?.streamId);
      expect(await store.openReportInbox().readReports('0', 10, 0)).toEqual(queued);
      const second = queued[1]?.streamId ?? '';
      applied(await store.commit(request([cluster('a')], { ackReportsThrough: second })));
      expect(await inbox.readReports('0', 10, 0)).toEqual(queued.slice(2));
    });

    it('are read from a position on, in as many batches as the caller asks for', async () => {
      const { store } = test;
      const inbox = store.openReportInbox();
      for (const taskId of ['t1', 't2', 't3']) await store.publish([report(taskId), report(`${taskId}-too`)]);
      const first = await inbox.readReports('0', 2, 0);
      expect(first.map(({ report: { taskId } }) => taskId)).toEqual(['t1', 't1-too', 't2', 't2-too']);
      const rest = await inbox.readReports(first.at(-1)?.streamId ?? '', 2, 0);
      expect(rest.map(({ report: { taskId } }) => taskId)).toEqual(['t3', 't3-too']);
    });

    it('are stored even if many are published at once', async () => {
      const { store } = test;
      const taskIds = Array.from({ length: 2_500 }, (_, index) => `t${index}`);
      await store.publish(taskIds.map((taskId) => report(taskId)));
      const queued = await store.openReportInbox().readReports('0', 5_000, 0);
      expect(queued.map(({ report: { taskId } }) => taskId)).toEqual(taskIds);
    });

    it('wake a waiting inbox', async () => {
      const { store } = test;
      const reading = store.openReportInbox().readReports('0', 10, 30_000);
      await store.publish([report('t1')]);
      expect((await reading).map((queued) => queued.report)).toEqual([report('t1')]);
    });

    it('are not changed by an empty publication', async () => {
      await test.store.publish([]);
      expect(await test.store.openReportInbox().readReports('0', 10, 0)).toEqual([]);
    });
  });

  describe('the id of the cell', () => {
    it('is given once, by the first that asks, and stays', async () => {
      const { store } = test;
      expect(await store.findCellId()).toBeUndefined();
      expect(await Promise.all([store.establishCellId('a'), store.establishCellId('b')])).toEqual(['a', 'a']);
      expect(await store.findCellId()).toBe('a');
    });
  });

  describe('heartbeats', () => {
    it('show the agents that are alive and those that are silent', async () => {
      const { store } = test;
      await store.recordHeartbeats(['one', 'two']);
      expect(await store.findAlive(['one', 'two', 'never'], 60_000)).toEqual(['one', 'two']);
      expect(await store.findSilent(60_000)).toEqual([]);
      await waitFor(
        async () => {
          await store.recordHeartbeats(['two']);
          return (await store.findSilent(500)).includes('one');
        },
        { what: 'one has been silent for 500 ms' },
      );
      expect(await store.findSilent(500)).toEqual(['one']);
      expect(await store.findAlive(['one', 'two'], 500)).toEqual(['two']);
    });

    it('of no agents are accepted and change nothing', async () => {
      await test.store.recordHeartbeats([]);
      expect(await test.store.findAlive([], 1_000)).toEqual([]);
    });
  });
}
