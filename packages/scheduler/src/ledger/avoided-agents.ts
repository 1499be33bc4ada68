import type { LaunchFailures } from '@berth/shared/gen/berth/v1/store';
import { avoidedUntilMs } from '@berth/shared/model/cell/launch-health';
import type { AgentInfo, Avoidance } from '../agent/agent-info.js';

/**
 * The live agents that fail launches, and the times at which each takes a task on trial. If tasks wait, or
 * every agent of the cell fails, the one that failed least recently is tried sooner: so no task waits for
 * long only because agents failed.
 */
export class AvoidedAgents {
  readonly #failures = new Map<string, LaunchFailures>();
  #nowMs = 0;
  #tasksWait = false;

  /** Notes the failures of a live agent; undefined if it has none, or is not live. */
  note(agentId: string, failures: LaunchFailures | undefined): void {
    if (failures === undefined) this.#failures.delete(agentId);
    else this.#failures.set(agentId, failures);
  }

  /** Sets the time. It never goes back. */
  advance(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  /** True as long as a round has left tasks without an agent. Returns true if that is new. */
  noteWaiting(tasksWait: boolean): boolean {
    const isNew = this.#tasksWait !== tasksWait;
    this.#tasksWait = tasksWait;
    return isNew;
  }

  /** The agents that have failures. */
  get ids(): Iterable<string> {
    return this.#failures.keys();
  }

  get size(): number {
    return this.#failures.size;
  }

  /** Returns the soonest time at which a further agent goes on trial; Infinity: never. */
  nextTrialMs(agents: Iterable<AgentInfo>): number {
    const lastResort = this.#lastResort(agents);
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const [id, failures] of this.#failures) {
      const untilMs = avoidedUntilMs(failures, id === lastResort);
      if (untilMs > this.#nowMs) soonestMs = Math.min(soonestMs, untilMs);
    }
    return soonestMs;
  }

  /** Returns the avoidance of each agent with failures. `agents` are all live agents. */
  avoidances(agents: Iterable<AgentInfo>): ReadonlyMap<string, Avoidance> {
    if (this.#failures.size === 0) return none;
    const lastResort = this.#lastResort(agents);
    return new Map(
      [...this.#failures].map(([id, failures]) => [id, this.#avoidanceOf(failures, id === lastResort)]),
    );
  }

  #avoidanceOf(failures: LaunchFailures, isLastResort: boolean): Avoidance {
    const untilMs = avoidedUntilMs(failures, isLastResort);
    return {
      failures: failures.count,
      lastFailedAtMs: failures.lastAtMs,
      lastFailure: failures.reason,
      untilMs,
      isOnTrial: untilMs <= this.#nowMs,
    };
  }

  /** The agent that failed least recently, if tasks wait or all agents that take tasks fail. */
  #lastResort(agents: Iterable<AgentInfo>): string | undefined {
    let found: { readonly id: string; readonly lastAtMs: number } | undefined;
    for (const { id, isDraining } of agents) {
      if (isDraining) continue;
      const failures = this.#failures.get(id);
      if (failures === undefined && this.#tasksWait) continue;
      if (failures === undefined) return undefined;
      const { lastAtMs } = failures;
      if (found === undefined || lastAtMs < found.lastAtMs) found = { id, lastAtMs };
    }
    return found?.id;
  }
}

const none: ReadonlyMap<string, Avoidance> = new Map();

/** True if both say the same. */
export function isSameAvoidance(a: Avoidance | undefined, b: Avoidance | undefined): boolean {
  return (
    a?.failures === b?.failures &&
    a?.lastFailedAtMs === b?.lastFailedAtMs &&
    a?.lastFailure === b?.lastFailure &&
    a?.untilMs === b?.untilMs &&
    a?.isOnTrial === b?.isOnTrial
  );
}
