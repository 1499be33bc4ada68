import { State } from '@berth/shared/model/task/task-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ContainerRuntime,
  type PullOptions,
  RuntimeError,
} from '../runtime/contract/container-runtime.js';
import { AgentTestCell } from '../testing/cell.js';
import { waitFor } from '../testing/wait-for.js';

describe('a task whose image is pulled', () => {
  let cell: AgentTestCell;
  const pulls: PullOptions[] = [];
  beforeEach(async () => {
    cell = new AgentTestCell();
    pulls.length = 0;
    const { engine } = cell;
    const calls: Partial<ContainerRuntime> = {
      create: () => Promise.reject(new RuntimeError('notFound', 'no such image')),
      ensureImage: (_, options = {}) => {
        pulls.push(options);
        return new Promise(() => undefined);
      },
    };
    const runtime = new Proxy(engine, {
      get: (target, name) => {
        const value: unknown = Reflect.get(calls, name) ?? Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await (await cell.startAgent({}, runtime)).ready;
  });
  afterEach(() => cell.close());

  it('ends its pull at once when it is stopped', async () => {
    await cell.assign('j.0-0');
    await waitFor(() => pulls.length === 1, 'the pull begins');
    await cell.stop('j.0-0');
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FINISHED, stopped: true });
    await waitFor(() => pulls[0]?.signal?.aborted === true, 'the pull is aborted');
  });

  it('ends its pull at once when its assignment goes', async () => {
    await cell.assign('j.0-0');
    await waitFor(() => pulls.length === 1, 'the pull begins');
    await cell.unassign('j.0-0');
    await waitFor(() => pulls[0]?.signal?.aborted === true, 'the pull is aborted');
  });

  it('reports the progress of a long pull', async () => {
    await cell.assign('j.0-0');
    await waitFor(() => pulls.length === 1, 'the pull begins');
    pulls[0]?.onProgress?.({ doneBytes: 12_000_000, totalBytes: 80_000_000 });
    const isReported = async () =>
      (await cell.reportsOf('j.0-0')).some(({ text }) => text === 'pulls app:1: 12 of 80 MB');
    await waitFor(isReported, 'the progress is reported');
  });
});
