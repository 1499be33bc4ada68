import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxRemovalRetryMs } from '../core/reduce-task.js';
import { type ContainerRuntime, RuntimeError } from '../runtime/contract/container-runtime.js';
import { AgentTestCell } from '../testing/cell.js';
import { waitFor } from '../testing/wait-for.js';

describe('containers that cannot be removed', () => {
  let cell: AgentTestCell;
  let removals: number;
  beforeEach(() => {
    cell = new AgentTestCell();
    removals = 0;
  });
  afterEach(() => cell.close());

  async function start(remove: ContainerRuntime['remove']): Promise<void> {
    const runtime = new Proxy(cell.engine, {
      get: (target, name) => {
        const value: unknown = name === 'remove' ? remove : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await (await cell.startAgent({ BERTH_AGENT_RESYNC: '1h' }, runtime)).ready;
  }

  it('are tried less and less often', async () => {
    const atMs: number[] = [];
    await start(() => {
      atMs.push(performance.now());
      return Promise.reject(new RuntimeError('conflict', 'removal is already in progress'));
    });
    await cell.assign('j.0-0', { BERTH_SIM_RUN_MS: '1' });
    await cell.endOf('j.0-0');
    await cell.unassign('j.0-0');
    await waitFor(() => atMs.length >= 3, 'the removal is tried twice more');
    const [first = 0, second = 0, third = 0] = atMs;
    expect(third - second).toBeGreaterThan(second - first);
    expect(maxRemovalRetryMs).toBeGreaterThan(60_000);
  });

  it.each(['conflict', 'unavailable'] as const)('are told once: %s', async (kind) => {
    await start(() => {
      removals += 1;
      return Promise.reject(new RuntimeError(kind, 'Docker did not answer remove within 60000 ms'));
    });
    await cell.assign('j.0-0', { BERTH_SIM_RUN_MS: '1' });
    await cell.endOf('j.0-0');
    await cell.unassign('j.0-0');
    await waitFor(() => removals >= 4, 'the removal is tried again and again');
    expect(cell.warnings.filter((text) => text.includes('cannot be removed'))).toHaveLength(1);
  });

  it('do not hold up kills of others', async () => {
    await start(() => {
      removals += 1;
      return new Promise(() => undefined);
    });
    const stuck = ['j.0-0', 'j.1-0', 'j.2-0', 'j.3-0', 'j.4-0'];
    for (const taskId of stuck) await cell.assign(taskId, { BERTH_SIM_RUN_MS: '1' });
    for (const taskId of stuck) await cell.endOf(taskId);
    for (const taskId of stuck) await cell.unassign(taskId);
    await waitFor(() => removals === 4, 'the removals hang');
    await cell.assign('k.0-0');
    await cell.reaches('k.0-0', 'RUNNING');
    await cell.stop('k.0-0');
    expect(await cell.endOf('k.0-0')).toMatchObject({ stopped: true });
  });
});

describe('the grace of a container', () => {
  it.each([
    ['asks for more', '300ms', 200],
    ['asks for less', '1ms', 0],
  ])('that %s than the cell gives is its own', async (_, grace, leastMs) => {
    const cell = new AgentTestCell();
    try {
      await (await cell.startAgent()).ready;
      const env = { BERTH_SIM_IGNORE_TERM: '1' };
      const parameters = { 'berth.killGrace': grace };
      // The master has taken the container's wish into account. A host of its own limit may give less.
      const killGraceMs = 300;
      await cell.assign('j.0-0', env, { parameters, killGraceMs });
      await cell.reaches('j.0-0', 'RUNNING');
      const begunMs = performance.now();
      await cell.assign('j.0-0', env, {
        parameters,
        killGraceMs,
        stop: { code: 'killed', text: '', atMs: Date.now() },
      });
      await cell.endOf('j.0-0');
      expect(performance.now() - begunMs).toBeGreaterThanOrEqual(leastMs);
    } finally {
      await cell.close();
    }
  });
});
