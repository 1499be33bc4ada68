import { type ContainerRuntime, RuntimeError } from '../runtime/contract/container-runtime.js';
import type { Worker } from '../tasks/worker.js';

/** The ids of the cells that own containers. Undefined for a container without the label of its cell. */
export type Owners = readonly (string | undefined)[];

/** Returns the owners of the containers of one agent. Undefined if its engine does not answer. */
export async function containerOwners(
  runtime: Pick<ContainerRuntime, 'list'>,
  worker: Pick<Worker, 'views'>,
): Promise<Owners | undefined> {
  try {
    const owners: (string | undefined)[] = (await runtime.list()).map(({ cellId }) => cellId);
    // A container of this task may be on its way.
    for (const { assignment } of worker.views()) if (assignment !== undefined) owners.push(undefined);
    return owners;
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}

/** Returns the owners of the containers of all agents. Undefined if one of their engines does not answer. */
export async function ownersOf(
  agents: readonly { owners(): Promise<Owners | undefined> }[],
): Promise<Owners | undefined> {
  const lists: Owners[] = [];
  for (const agent of agents) {
    const owners = await agent.owners();
    if (owners === undefined) return undefined;
    lists.push(owners);
  }
  return lists.flat();
}
