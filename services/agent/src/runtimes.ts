import type { RuntimeKind } from './runtime/contract/runtime-kind.js';
import { docker } from './runtime/docker/docker-kind.js';
import { simulated } from './runtime/simulated/simulated-kind.js';

/**
 * Every runtime that an agent can have, by the value of `BERTH_AGENT_RUNTIME`. A new runtime is one more row.
 */
export const runtimes = { docker, simulated } as const satisfies Readonly<Record<string, RuntimeKind>>;

type RuntimeName = keyof typeof runtimes;

export const runtimeNames = Object.keys(runtimes) as readonly RuntimeName[];

/** Returns the runtime of that name. Undefined if there is none. */
export function findRuntime(name: string): RuntimeKind | undefined {
  return Object.entries(runtimes).find(([known]) => known === name)?.[1];
}
