import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentTestCell } from '../testing/cell.js';
import { waitFor } from '../testing/wait-for.js';

describe('an agent whose store is emptied or replaced', () => {
  let cell: AgentTestCell;
  beforeEach(() => {
    cell = new AgentTestCell();
  });
  afterEach(() => cell.close());

  const startWithTask = async () => {
    const agent = await cell.startAgent();
    await agent.ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    return agent;
  };
  const holds = (agent: { isReady(): string | undefined }) =>
    waitFor(() => agent.isReady()?.includes('containers here belong to cell id cell-a'), 'it holds');
  const metricOf = async (port: number) =>
    /^berth_agent_cell_held(?:\{.*\})? (\d)$/m.exec(
      await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    )?.[1];
  const isKnown = async () => (await cell.store.findAlive(['a'], 60_000)).length > 0;

  it('stops nothing, registers nowhere and says so once, until its store is back', async () => {
    const agent = await startWithTask();
    const restore = cell.store.checkpoint();
    cell.store.clear();
    await holds(agent);
    expect(await metricOf(agent.httpPort)).toBe('1');
    await cell.resyncs(3);
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
    expect(await isKnown()).toBe(false);
    expect(cell.errors).toEqual([
      expect.stringMatching(/the store is empty.*cell id cell-a; the agent holds/),
    ]);
    restore();
    await waitFor(() => agent.isReady() === undefined, 'it goes on');
    expect(await metricOf(agent.httpPort)).toBe('0');
    await cell.assign('j.1-0');
    await cell.reaches('j.1-0', 'RUNNING');
    expect(await cell.containersOf()).toEqual(['j.0-0 running', 'j.1-0 running']);
  });

  it('holds as a new process too, because its containers bear the id of their cell', async () => {
    await (await startWithTask()).close();
    cell.store.clear();
    await cell.store.establishCellId('cell-b');
    const agent = await cell.startAgent();
    await holds(agent);
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
    expect(await isKnown()).toBe(false);
    expect(cell.errors).toEqual([expect.stringContaining('BERTH_AGENT_ADOPT_CELL=cell-b')]);
  });

  it('gives its containers up if the operator lets it follow the other cell', async () => {
    await (await startWithTask()).close();
    cell.store.clear();
    await cell.store.establishCellId('cell-b');
    await (await cell.startAgent({ BERTH_AGENT_ADOPT_CELL: 'cell-b' })).ready;
    await waitFor(async () => (await cell.containersOf()).length === 0, 'its containers are gone');
  });

  it('follows the other store at once if it has no containers', async () => {
    const agent = await cell.startAgent();
    await agent.ready;
    cell.store.clear();
    await cell.store.establishCellId('cell-b');
    await waitFor(isKnown, 'it beats in the other store');
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    expect((await cell.engine.list()).map(({ cellId }) => cellId)).toEqual(['cell-b']);
    expect(agent.isReady()).toBeUndefined();
  });
});
