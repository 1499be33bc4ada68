import { type Clock, systemClock } from '@berth/shared/process/clock';
import { TimerQueue } from '../../primitives/timer-queue.js';
import type { RuntimeInfo } from '../contract/container-runtime.js';
import type { Engines } from '../contract/runtime-kind.js';
import { SimulatedRuntime } from './simulated-runtime.js';

/** The resources of each simulated host, by default. */
const defaultInfo: RuntimeInfo = {
  version: 'simulated',
  cpuMillis: 16_000,
  memoryMb: 64_000,
  diskMb: 500_000,
};

/**
 * Engines that only pretend. Containers follow their environment ({@link SimScript}), without any process.
 * One object serves any number of agents and outlives them, as a real engine does.
 */
export class SimulatedEngines implements Engines {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #info: RuntimeInfo;
  readonly #engines = new Map<string, SimulatedRuntime>();

  constructor(clock: Clock = systemClock, info: Partial<RuntimeInfo> = {}) {
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
    this.#info = { ...defaultInfo, ...info };
  }

  /** Returns the engine of that agent's host, always the same one. */
  engineOf(agentId: string): SimulatedRuntime {
    const engine = this.#engines.get(agentId) ?? new SimulatedRuntime(this.#clock, this.#timers, this.#info);
    this.#engines.set(agentId, engine);
    return engine;
  }

  close(): void {
    this.#timers.close();
  }
}
