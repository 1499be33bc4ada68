import { State, stateName } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RuntimeError } from '../runtime/contract/container-runtime.js';
import { AgentTestCell } from '../testing/cell.js';
import { waitFor } from '../testing/wait-for.js';

/** It ends when the test kills it. */
const stubborn = { BERTH_SIM_IGNORE_TERM: '1' };
/** It ends a while after its stop signal. */
const slow = { BERTH_SIM_STOP_DELAY_MS: '300' };
const patient = { killGraceMs: 5_000 };
const victims = { awaitedTaskIds: ['v.0-0', 'v.1-0'] };

describe('a preemptor', () => {
  let cell: AgentTestCell;
  beforeEach(() => {
    cell = new AgentTestCell();
  });
  afterEach(() => cell.close());

  /** The order that the master's commit puts into the victim's assignment. */
  const orderStop = (id: string, atMs = systemClock.nowMs() + cell.engineAheadMs) =>
    cell.assign(id, {}, { ...patient, stop: { code: 'preempted', text: '', atMs } });
  const startsOnlyOnceVictimsAreGone = async () => {
    const runs = (id: string) => async () => (await cell.containersOf()).includes(`${id} running`);
    await waitFor(async () => {
      const running = (await cell.containersOf()).filter((container) => container.endsWith(' running'));
      expect(running.length === 1 || !running.includes('s.0-0 running'), running.join(', ')).toBe(true);
      return running.includes('s.0-0 running');
    }, 's.0-0 runs');
    await waitFor(runs('s.0-0'), 's.0-0 goes on');
  };

  it('starts when its last victim has ended, and reports nothing before, though the capacity is too small for all', async () => {
    await (await cell.startAgent({ BERTH_AGENT_CPU: '0.2' })).ready;
    await cell.assign('v.0-0');
    await cell.assign('v.1-0', stubborn, patient);
    for (const id of ['v.0-0', 'v.1-0']) await cell.reaches(id, 'RUNNING');
    for (const id of ['v.0-0', 'v.1-0']) await orderStop(id);
    await cell.assign('s.0-0', {}, victims);
    expect(await cell.endOf('v.0-0')).toMatchObject({ state: State.FAILED, stopped: true });
    await cell.resyncs();
    expect(await cell.statesOf('s.0-0')).toEqual([]);
    await cell.engine.kill('v.1-0');
    await startsOnlyOnceVictimsAreGone();
    await cell.reaches('s.0-0', 'RUNNING');
    const order = (await cell.reports()).map(({ taskId, state }) => `${taskId} ${stateName(state)}`);
    expect(order.indexOf('v.1-0 FAILED')).toBeGreaterThan(0);
    expect(order.findIndex((one) => one.startsWith('s.0-0'))).toBeGreaterThan(order.indexOf('v.1-0 FAILED'));
  });

  it('starts at once if its victims have never started, or are gone', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('s.0-0', {}, victims);
    await cell.reaches('s.0-0', 'RUNNING');
    await cell.assign('v.2-0', { BERTH_SIM_FAIL: 'pull' });
    await cell.endOf('v.2-0');
    await cell.assign('s.1-0', {}, { awaitedTaskIds: ['v.2-0', 's.9-0'] });
    await cell.reaches('s.1-0', 'RUNNING');
  });

  it('waits for victims without an assignment, and for victims that somebody else has killed', async () => {
    await (await cell.startAgent()).ready;
    for (const id of ['v.0-0', 'v.1-0']) {
      await cell.assign(id, slow, patient);
      await cell.reaches(id, 'RUNNING');
    }
    await cell.assign('s.0-0', {}, victims);
    await cell.engine.kill('v.1-0');
    await cell.unassign('v.0-0');
    await startsOnlyOnceVictimsAreGone();
  });

  it('waits across a restart of the agent for victims with and without an assignment', async () => {
    const before = await cell.startAgent();
    for (const id of ['v.0-0', 'v.1-0']) {
      await cell.assign(id, slow, patient);
      await cell.reaches(id, 'RUNNING');
    }
    await before.close();
    await orderStop('v.0-0');
    await cell.assign('s.0-0', {}, victims);
    await cell.unassign('v.1-0');
    await cell.startAgent();
    await startsOnlyOnceVictimsAreGone();
  });

  it('does not stop its victims: only their own assignments do', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('v.0-0');
    await cell.reaches('v.0-0', 'RUNNING');
    await cell.assign('s.0-0', {}, { awaitedTaskIds: ['v.0-0'] });
    await cell.resyncs();
    expect(await cell.containersOf()).toEqual(['v.0-0 running']);
    await orderStop('v.0-0');
    await startsOnlyOnceVictimsAreGone();
  });

  it('is not the reason for a restarted agent to stop its victims: their own assignments are', async () => {
    const before = await cell.startAgent();
    await cell.assign('v.0-0', { BERTH_SIM_IGNORE_TERM: '1' }, patient);
    await cell.assign('v.1-0', {}, patient);
    for (const id of ['v.0-0', 'v.1-0']) await cell.reaches(id, 'RUNNING');
    await before.close();
    for (const id of ['v.0-0', 'v.1-0']) await orderStop(id);
    const stop = { code: 'killed', text: '', atMs: systemClock.nowMs() };
    await cell.assign('s.0-0', {}, { ...victims, stop });
    await cell.startAgent();
    expect(await cell.endOf('s.0-0')).toMatchObject({ state: State.FINISHED, stopped: true });
    await cell.unassign('s.0-0');
    expect(await cell.endOf('v.1-0')).toMatchObject({ stopped: true });
    await cell.engine.kill('v.0-0');
    expect(await cell.endOf('v.0-0')).toMatchObject({ stopped: true });
  });

  it('does not hide that a victim ended by itself before its stop order, while the agent was away', async () => {
    const before = await cell.startAgent();
    for (const id of ['v.0-0', 'v.1-0']) {
      await cell.assign(id, {}, patient);
      await cell.reaches(id, 'RUNNING');
    }
    await before.close();
    cell.engine.finish('v.0-0', 1);
    cell.engineAheadMs = 10;
    for (const id of ['v.0-0', 'v.1-0']) await orderStop(id);
    await cell.assign('s.0-0', {}, victims);
    cell.engine.finish('v.1-0', 143);
    await cell.startAgent();
    expect(await cell.endOf('v.0-0')).toMatchObject({ code: 'failed', stopped: false });
    expect(await cell.endOf('v.1-0')).toMatchObject({ stopped: true });
    await cell.reaches('s.0-0', 'RUNNING');
  });

  it('waits while the engine does not answer: the victim may still run', async () => {
    const before = await cell.startAgent();
    await cell.assign('v.0-0', slow);
    await cell.reaches('v.0-0', 'RUNNING');
    await before.close();
    await cell.unassign('v.0-0');
    await cell.assign('s.0-0', {}, { awaitedTaskIds: ['v.0-0'] });
    let isSilent = false;
    const { engine } = cell;
    const answers = <T>(call: () => Promise<T>): Promise<T> =>
      isSilent ? Promise.reject(new RuntimeError('unavailable', 'silent')) : call();
    const runtime = new Proxy(engine, {
      get: (target, name: keyof typeof engine) => {
        const value = target[name] as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          name === 'info' || name === 'ping'
            ? (value.apply(target, args) as unknown)
            : answers(() => value.apply(target, args) as Promise<unknown>);
      },
    });
    isSilent = true;
    const agent = await cell.startAgent({}, runtime);
    await waitFor(() => agent.isReady()?.includes('the engine does not say'), 'it waits for the engine');
    expect(await cell.containersOf()).toEqual(['v.0-0 running']);
    isSilent = false;
    await startsOnlyOnceVictimsAreGone();
  });

  it('ends at once if its own stop order comes while it waits, and its preemptor waits for the other victims', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('v.0-0', stubborn, patient);
    await cell.reaches('v.0-0', 'RUNNING');
    await orderStop('v.0-0');
    await cell.assign('s.0-0', {}, { awaitedTaskIds: ['v.0-0'] });
    await cell.assign('s.1-0', {}, { awaitedTaskIds: ['v.0-0', 's.0-0'] });
    await cell.stop('s.0-0');
    expect(await cell.endOf('s.0-0')).toMatchObject({
      state: State.FINISHED,
      text: 'stopped before it ran',
      stopped: true,
    });
    expect(await cell.containersOf()).toEqual(['v.0-0 running']);
    await cell.unassign('s.0-0');
    await cell.engine.kill('v.0-0');
    await cell.reaches('s.1-0', 'RUNNING');
    expect(await cell.containersOf()).toContain('v.0-0 exited');
  });

  it('is refused if the agent has too little capacity once the victims are gone', async () => {
    await (await cell.startAgent({ BERTH_AGENT_CPU: '0.15' })).ready;
    await cell.assign('v.0-0');
    await cell.reaches('v.0-0', 'RUNNING');
    await cell.assign('s.0-0', {}, { awaitedTaskIds: ['v.1-0'] });
    expect(await cell.endOf('s.0-0')).toMatchObject({ code: 'refused', refused: true });
  });

  it('gets the capacity of a victim that has not begun: the victim never begins', async () => {
    await orderStop('v.0-0');
    await cell.assign('s.0-0', {}, { awaitedTaskIds: ['v.0-0'] });
    await (await cell.startAgent()).ready;
    await cell.reaches('s.0-0', 'RUNNING');
    expect(await cell.endOf('v.0-0')).toMatchObject({ text: 'stopped before it ran', stopped: true });
    expect(await cell.statesOf('v.0-0')).not.toContain('RUNNING');
  });
});
