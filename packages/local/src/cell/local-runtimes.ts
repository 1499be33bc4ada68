/** The needs of a runtime on this machine. */
interface LocalRuntime {
  /** True if its agents need the address of an engine, and leave containers behind on it. */
  readonly usesEngine: boolean;
}

/** The runtime of a cell that asks for none: that of the demo. */
export const defaultRuntime = 'docker';

/** The runtimes of `services/agent/src/runtimes.ts` that a local cell can have: a row for each. */
const localRuntimes: Readonly<Record<string, LocalRuntime>> = {
  [defaultRuntime]: { usesEngine: true },
  simulated: { usesEngine: false },
};

/** True if the agents of that runtime need the address of an engine. */
export function usesEngine(runtime: string): boolean {
  return localRuntimes[runtime]?.usesEngine === true;
}
