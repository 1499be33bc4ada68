import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { silentLogger } from '@berth/shared/process/logger';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FencedError } from '../commit/leader-committer.js';
import { anAgent, second } from '../testing/fixtures.js';
import { StoreLink } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';
import { LivenessController } from './liveness-controller.js';

const agentTimeoutMs = 20 * second;

async function watched() {
  const stage = await TestStage.open();
  const link = new StoreLink(stage.store);
  const lease = await stage.store.tryAcquire('master', 3600 * second);
  const ending = new AbortController();
  let failure: unknown;
  const start = () => {
    const { clock, replica } = stage;
    const controller = new LivenessController({
      store: link,
      committer: stage.committer(link, lease?.epoch ?? 0),
      cell: replica,
      clock,
      log: silentLogger,
      agentTimeoutMs,
    });
    const changes = replica.changes$.subscribe((commit) => controller.take(commit));
    const done = controller
      .run(ending.signal)
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => changes.unsubscribe());
    onTestFinished(async () => {
      ending.abort();
      await done;
    });
    return settle();
  };
  const state = (id = 'agent-1') => stage.replica.find('agentStatus', id)?.record.state;
  return { stage, link, start, state, failure: () => failure };
}

describe('the liveness controller', () => {
  it('takes a new agent for alive as soon as it registers', async () => {
    const { stage, start, state } = await watched();
    await start();
    await stage.register();
    expect(state()).toBe(AgentState.ALIVE);
  });

  it('takes an agent for lost that has been silent for the timeout, and for alive when it beats again', async () => {
    const { stage, start, state } = await watched();
    await start();
    await stage.register();
    await stage.advance(agentTimeoutMs);
    stage.beating.clear();
    await stage.advance(agentTimeoutMs - second);
    expect(state()).toBe(AgentState.ALIVE);
    await stage.advance(2 * second);
    expect(state()).toBe(AgentState.LOST);
    stage.beating.add('agent-1');
    await stage.advance(second + second / 2);
    expect(state()).toBe(AgentState.ALIVE);
  });

  it('judges nobody lost before heartbeats could be read for a whole timeout', async () => {
    const { stage, start, state } = await watched();
    await stage.register();
    await stage.advance(3 * agentTimeoutMs);
    stage.beating.clear();
    await stage.advance(3 * agentTimeoutMs);
    await start();
    expect(state()).toBe(AgentState.ALIVE);
    await stage.advance(agentTimeoutMs - second);
    expect(state()).toBe(AgentState.ALIVE);
    await stage.advance(2 * second);
    expect(state()).toBe(AgentState.LOST);
  });

  it('begins anew with that when the store could not be read for a moment', async () => {
    const { stage, link, start, state } = await watched();
    await start();
    await stage.register();
    await stage.advance(agentTimeoutMs);
    stage.beating.clear();
    await stage.advance(agentTimeoutMs - 2 * second);
    link.isCut = true;
    await stage.advance(2 * second);
    link.isCut = false;
    await stage.advance(agentTimeoutMs - 2 * second);
    expect(state()).toBe(AgentState.ALIVE);
    await stage.advance(4 * second);
    expect(state()).toBe(AgentState.LOST);
  });

  it('begins anew after a pause of the machine, in which no agent could be heard', async () => {
    const { stage, link, start, state } = await watched();
    await start();
    await stage.register();
    await stage.advance(2 * agentTimeoutMs);
    await stage.clock.jump(600 * second);
    expect(state()).toBe(AgentState.ALIVE);
    await stage.advance(3 * agentTimeoutMs);
    const judged = link.requests.flatMap(({ writes }) => writes).filter(({ kind }) => kind === 'agentStatus');
    expect(judged).toHaveLength(1);
  });

  it('takes an agent for lost that registered and was never heard', async () => {
    const { stage, start, state } = await watched();
    await start();
    const agent = anAgent({ id: 'mute' });
    await stage.store.commit({ actor: 'agent/mute', writes: [{ kind: 'agent', id: 'mute', record: agent }] });
    await settle();
    expect(state('mute')).toBe(AgentState.ALIVE);
    await stage.advance(agentTimeoutMs - second);
    expect(state('mute')).toBe(AgentState.ALIVE);
    await stage.advance(3 * second);
    expect(state('mute')).toBe(AgentState.LOST);
  });

  it('does not forget a new agent when the commit that says so fails', async () => {
    const { stage, link, start, state } = await watched();
    await start();
    let losses = 2;
    link.commitFate = () => (losses-- > 0 ? 'lose' : 'apply');
    await stage.register();
    expect(state()).toBeUndefined();
    await stage.advance(5 * second);
    expect(state()).toBe(AgentState.ALIVE);
  });

  it('judges more agents at once than fit into one commit', async () => {
    const { stage, start, state } = await watched();
    const ids = Array.from({ length: 2500 }, (_, index) => `agent-${index}`);
    for (let from = 0; from < ids.length; from += 500) {
      const writes = ids
        .slice(from, from + 500)
        .map((id) => ({ kind: 'agent', id, record: anAgent({ id }) }) as const);
      await stage.store.commit({ actor: 'agents', writes });
    }
    await stage.store.recordHeartbeats(ids);
    await settle();
    await start();
    await stage.until('all are alive', () => ids.every((id) => state(id) === AgentState.ALIVE));
    expect(stage.replica.count('agentStatus')).toBe(2500);
  });

  it('writes nothing when another master leads, and ends', async () => {
    const { stage, start, state, failure } = await watched();
    await stage.clock.jump(7200 * second);
    await stage.store.tryAcquire('other', 3600 * second);
    await start();
    await stage.register();
    await stage.advance(2 * second);
    expect(state()).toBeUndefined();
    expect(failure()).toBeInstanceOf(FencedError);
  });

  it('writes nothing while nothing changes', async () => {
    const { stage, link, start } = await watched();
    await start();
    await stage.register();
    const { length } = link.requests;
    await stage.advance(3 * agentTimeoutMs);
    expect(link.requests).toHaveLength(length);
  });
});
