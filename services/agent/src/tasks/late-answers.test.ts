import { State } from '@berth/shared/model/task/task-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerRuntime } from '../runtime/contract/container-runtime.js';
import { AgentTestCell } from '../testing/cell.js';

/** Only events inform the agent. */
const withoutResync = { BERTH_AGENT_RESYNC: '1h', BERTH_AGENT_NETWORK: 'bridge' };

/** Returns the engine with some calls replaced. */
function withCalls(engine: ContainerRuntime, calls: Partial<ContainerRuntime>): ContainerRuntime {
  return new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(calls, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('an agent whose engine answers late', () => {
  let cell: AgentTestCell;
  beforeEach(() => {
    cell = new AgentTestCell();
  });
  afterEach(() => cell.close());

  it('notices a container’s end that comes during its inspection', async () => {
    const { engine } = cell;
    const inspect: ContainerRuntime['inspect'] = async (taskId) => {
      const seen = await engine.inspect(taskId);
      if (seen?.state === 'running') engine.finish(taskId, 3);
      return seen;
    };
    await (await cell.startAgent(withoutResync, withCalls(engine, { inspect }))).ready;
    await cell.assign('j.0-0');
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FAILED, exitCode: 3 });
  });
});
