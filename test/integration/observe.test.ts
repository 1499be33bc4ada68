import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/callers/agreement.js';
import type { CheckedStream } from '../support/callers/checked-stream.js';
import {
  batch,
  isJobOver,
  ownPart,
  retries,
  runs,
  service,
  simulated,
  stateOf,
} from '../support/callers/jobs.js';
import { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const isLive = ({ model }: CheckedStream) => model.isLive;
const hasEnded = (id: string) => (stream: CheckedStream) => stream.model.jobs.get(id)?.isFinished === true;

describe.skipIf(skipRedisTests !== false).each(['on', 'off'])(
  'observe streams with the tuning %s',
  (tuning) => {
    let cell: TestCell;
    let caller: TitusCaller;
    let other: TitusCaller;

    beforeAll(async () => {
      cell = await TestCell.start({
        gateways: 2,
        agents: 4,
        masterEnv: { BERTH_MASTER_KILL_GRACE: '200ms' },
        gatewayEnv: { BERTH_API_TUNING: tuning },
      });
      caller = cell.caller(0);
      other = cell.caller(1);
      TitusCaller.shareSession(caller, other);
    });
    afterAll(() => closeCleanly(cell));

    it('ObserveJob sends a job from its snapshot to its end, and then ends itself', async () => {
      const id = await caller.create(batch(simulated({ runMs: 30 }), { tasks: 3 }));
      const stream = caller.observeJob(id);
      expect(await stream.ended()).toBe(status.OK);
      expect(stream.kinds.slice(0, 2)).toEqual(['jobSnapshot', 'snapshotEnd']);
      expect(stream.kinds.at(-1)).toBe('jobFinished');
      expect([...stream.tasks.values()].map(ownPart).sort()).toEqual(['0-0', '1-0', '2-0']);
      await expectAgreement(stream, caller, id);
    });

    it('ObserveJob sends the last state of an ended job, and its end', async () => {
      const id = await caller.create(
        batch(simulated({ runMs: 0, exitCode: 1 }), { retryPolicy: retries(1) }),
      );
      await caller.until(id, isJobOver, 'ends');
      const stream = caller.observeJob(id);
      expect(await stream.ended()).toBe(status.OK);
      expect(stream.kinds).toEqual(['jobSnapshot', 'snapshotEnd', 'jobFinished']);
      await expectAgreement(stream, caller, id);
    });

    it('ObserveJobs begins with the live jobs only, and sends a new job before its tasks', async () => {
      const live = await caller.create(service(simulated(), { tasks: 2 }));
      await caller.until(live, runs(2), 'runs');
      const stream = caller.observeJobs();
      await stream.until(isLive, 'the snapshot is over');
      const snapshots = stream.received.flatMap(({ notification }) =>
        notification?.$case === 'jobSnapshot' ? [notification.value.job] : [],
      );
      expect(snapshots).toEqual([await caller.find(live)]);
      const fresh = await other.create(batch(simulated({ runMs: 20 })));
      await stream.until(hasEnded(fresh), 'the new job ends');
      await caller.kill(live);
      await stream.until(hasEnded(live), 'the service ends');
      const ofFresh = stream.received.flatMap(({ notification }) => {
        if (notification?.$case === 'jobDefinitionUpdate' && notification.value.id === fresh)
          return ['definition'];
        if (notification?.$case === 'jobFinished' && notification.value.id === fresh) return ['finished'];
        return notification?.$case === 'taskUdate' && notification.value.task?.id.startsWith(fresh)
          ? ['task']
          : [];
      });
      expect(ofFresh[0]).toBe('definition');
      expect(ofFresh.at(-1)).toBe('finished');
      expect(ofFresh.filter((kind) => kind !== 'task')).toHaveLength(2);
      stream.cancel();
    });

    it('ObserveJobs sends a change of the instances before the tasks that follow from it', async () => {
      const id = await caller.create(service(simulated()));
      await caller.until(id, runs(1), 'runs');
      const stream = caller.observeJob(id);
      await stream.until(isLive, 'the snapshot is over');
      await other.scale(id, 3);
      const running = ({ tasks }: CheckedStream) =>
        [...tasks.values()].filter((task) => stateOf(task) === State.RUNNING);
      await stream.until((now) => running(now).length === 3, 'three run');
      expect(stream.kinds[2]).toBe('jobDefinitionUpdate');
      await caller.kill(id);
      expect(await stream.ended()).toBe(status.OK);
      await expectAgreement(stream, caller, id);
    });

    it('each subscriber gets a history without a gap, at any time and from any gateway', async () => {
      const streams: CheckedStream[] = [caller.observeJobs(), other.observeJobs()];
      const ids: string[] = [];
      for (let round = 0; round < 12; round += 1) {
        const by = round % 2 === 0 ? caller : other;
        ids.push(
          await by.create(
            batch(simulated({ runMs: 5 * round, exitCode: round % 3 }), {
              tasks: 4,
              retryPolicy: retries(1),
            }),
          ),
        );
        const lasting = await by.create(service(simulated(), { tasks: 3 }));
        ids.push(lasting);
        streams.push(by.observeJobs());
        await by.scale(lasting, (round % 4) + 1);
        await caller.killTask(
          (await other.until(lasting, (job) => job.tasks.length > 0, 'has tasks')).tasks[0]?.id ?? '',
        );
        await other.kill(lasting);
      }
      await Promise.all(ids.map((id) => caller.until(id, isJobOver, 'ends')));
      // The last change that both gateways certainly have: everything before it has been sent then.
      const last = await caller.create(batch(simulated({ runMs: 0 })));
      await Promise.all(streams.map((stream) => stream.until(hasEnded(last), 'the last job ends')));
      expect(streams).toHaveLength(14);
      for (const stream of streams) {
        // A job that ended before the subscription is none of its business.
        for (const id of stream.model.jobs.keys()) await expectAgreement(stream, caller, id);
        stream.cancel();
      }
      const [first] = streams;
      expect([...(first?.model.jobs.keys() ?? [])].filter((id) => ids.includes(id))).toEqual(ids);
    });

    it('a subscriber that pauses gets the newest state of everything, and every end', async () => {
      const slow = caller.observeJobs();
      await slow.until(isLive, 'the snapshot is over');
      slow.pause();
      const ids: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        // Enough for every buffer on the way to fill up.
        const failing = simulated({ runMs: 0, exitCode: 1 });
        ids.push(await caller.create(batch(failing, { tasks: 100, retryPolicy: retries(1) })));
      }
      const kept = await caller.create(service(simulated(), { tasks: 2 }));
      await Promise.all(ids.map((id) => caller.until(id, isJobOver, 'ends', 60_000)));
      await caller.until(kept, runs(2), 'runs');
      const metrics = await cell.metrics();
      expect(metrics).toMatch(/^berth_gateway_observe_pending_changes\{[^}]*\} [1-9]/m);
      const lag = /^berth_gateway_observe_lag_seconds\{([^}]*)\} (\S+)/m.exec(metrics);
      expect(lag?.[1]).toMatch(/^method="ObserveJobs",service="[^"]+"$/);
      expect(Number(lag?.[2])).toBeGreaterThan(0);
      slow.resume();
      await slow.until((now) => ids.every((id) => hasEnded(id)(now)), 'the stream reports all ends', 60_000);
      await slow.until(
        ({ tasks }) =>
          [...tasks.values()].filter((task) => task.id.startsWith(kept) && stateOf(task) === State.RUNNING)
            .length === 2,
        'the stream reports the service as running',
      );
      for (const id of [...ids, kept]) await expectAgreement(slow, caller, id);
      const ended = [...slow.tasks.values()].filter((task) => ids.some((id) => task.id.startsWith(id)));
      expect(ended).toHaveLength(1000);
      expect(ended.every((task) => isTerminal(stateOf(task)))).toBe(true);
      slow.cancel();
      await caller.kill(kept);
    });

    it('a subscriber that goes away leaves no stream behind', async () => {
      const streams = Array.from({ length: 5 }, () => other.observeJobs());
      for (const stream of streams) await stream.until(isLive, 'the snapshot is over');
      for (const stream of streams) stream.cancel();
      await waitFor(async () => !/^berth_gateway_observe_streams\{/m.test(await cell.metrics(1)), {
        what: 'the gateway has no stream left',
      });
    });
  },
);
