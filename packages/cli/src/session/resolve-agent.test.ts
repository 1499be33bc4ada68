import type { AgentCalls } from '@berth/client';
import { Agent } from '@berth/shared/gen/berth/v1/agent_service';
import { expect, it } from 'vitest';
import { resolveAgent } from './resolve-agent.js';

const agent = (id: string, host: string) =>
  Agent.fromPartial({ id, attributes: { host, instance: `${id}-i` } });
const agents = [agent('agent-9b3b9d86', 'vm'), agent('agent-11aa22bb', 'twin'), agent('agent-22', 'twin')];
const calls = { listAgents: async () => agents } as unknown as AgentCalls;

it.each([
  ['agent-9b3b9d86', 'agent-9b3b9d86'],
  ['vm', 'agent-9b3b9d86'],
  ['agent-22-i', 'agent-22'],
  ['agent-9b', 'agent-9b3b9d86'],
  ['agent-22', 'agent-22'],
])('%s is %s', async (given, id) => {
  expect(await resolveAgent(calls, given)).toBe(id);
});

it('refuses a host with several agents, with the candidates', async () => {
  await expect(resolveAgent(calls, 'twin')).rejects.toMatchObject({
    message: '"twin" may mean 2 agents:',
    problems: ['agent-11aa22bb  twin', 'agent-22  twin'],
  });
});

it('refuses an unknown name with the agents that there are', async () => {
  await expect(resolveAgent(calls, 'nobody')).rejects.toThrow(
    'There is no agent "nobody", neither by its id nor by the name of its host. The cell has agent-9b3b9d86, agent-11aa22bb, agent-22.',
  );
});
