import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Booking } from './booking.js';
import type { HeldPorts } from './held-ports.js';

/** The facts about a live agent that it registers, and an operator's drain. */
export interface AgentFacts {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  /** True if the agent takes no more tasks. */
  readonly isDraining?: boolean;
  /** Set while launches of containers fail on the agent. */
  readonly avoidance?: Avoidance | undefined;
}

/** An agent that fails launches. No job gets it for a time, and then one task tries it. */
export interface Avoidance {
  /** The number of launches that failed one after another. */
  readonly failures: number;
  readonly lastFailedAtMs: number;
  /** The reason of the last failure. */
  readonly lastFailure: string;
  /** The agent gets no task until then. */
  readonly untilMs: number;
  /** True if the time is over: the agent takes one task, and more once its launch has worked. */
  readonly isOnTrial: boolean;
}

/**
 * A live agent with its free capacity. It changes while an index books tasks on it. Only the index can change
 * it: this interface has nothing to write, and the class behind it belongs to `index/`.
 */
export interface AgentInfo {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** '' if the agent has no such attribute. */
  readonly zone: string;
  readonly total: Resources;
  readonly isDraining: boolean;
  readonly avoidance: Avoidance | undefined;
  /** The number of tasks here that did not run yet when they were booked. */
  readonly launching: number;
  /** Differs for every agent that the index has ever had; -1 once the agent has left. */
  readonly number: number;
  /** The free amounts now. This is no copy: it changes with the agent. */
  readonly free: Readonly<Resources>;
  /** The free thousandths of each gpu. */
  readonly gpus: readonly number[];
  /** The most that is free on one gpu. */
  readonly largestShare: number;
  /** The number of gpus that are entirely free. */
  readonly wholeGpus: number;
  /** By task. */
  readonly bookings: ReadonlyMap<string, Booking>;
  /** The tasks here that other tasks wait for. */
  readonly awaited: ReadonlySet<string>;
  /** By port of the host, such as `8080/tcp`: the number of tasks here that hold it or wait for it. */
  readonly hostPorts: HeldPorts;
  /** The number of tasks here that keep all others off. */
  readonly exclusiveTasks: number;
  /** Differs after each change. */
  readonly version: number;

  /** True if the free capacity suffices for the request now. */
  fits(request: Resources): boolean;

  /** True if the capacity would suffice if the agent were empty. */
  couldFit(request: Resources): boolean;

  /** The gpus that a request would get; none if they do not suffice. */
  gpusFor(gpuMillis: number): readonly number[];
}
