import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { ContainerRuntime } from './container-runtime.js';

/** The engines of the agents that run in one process. */
export interface Engines {
  /** Returns the engine of that agent's host, always the same one. */
  engineOf(agentId: string): ContainerRuntime;
  close(): void | Promise<void>;
}

interface EngineSettings {
  readonly cell: string;
  /** `DOCKER_HOST`. Absent: the engine's usual address. */
  readonly engineAddress?: string | undefined;
  /** The file of credentials for registries. Absent: there are none. */
  readonly imageAuthFile?: string | undefined;
  /** A pull without progress for this long is given up. */
  readonly pullStallMs?: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** A kind of container engine that an agent can use. `BERTH_AGENT_RUNTIME` chooses one by its name. */
export interface RuntimeKind {
  /** True if one process can run many agents, each with an engine of its own. */
  readonly hasManyAgents: boolean;
  /** True if the runtime can use an engine at that address. */
  acceptsAddress(engineAddress: string): boolean;
  /** Opens the engines. Does not wait until they answer. */
  open(settings: EngineSettings): Engines;
}
