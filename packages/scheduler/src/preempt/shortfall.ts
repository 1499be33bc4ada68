import type { Resources } from '@berth/shared/gen/berth/v1/store';
import {
  clearResources,
  raiseTo,
  setDifference,
  timesToCover,
  zeroResources,
} from '@berth/shared/model/resources/vector';

/**
 * The amounts that a request lacks on an agent, and the biggest amounts that one victim can give. Used anew
 * for each agent.
 */
export class Shortfall {
  readonly #missing = zeroResources();
  readonly #biggest = zeroResources();

  /** Begins with an agent that has so much free. */
  reset(request: Resources, free: Resources): void {
    setDifference(this.#missing, request, free);
    clearResources(this.#biggest);
  }

  /** Notes a task that may be stopped. */
  offer(resources: Resources): void {
    raiseTo(this.#biggest, resources);
  }

  /** The least number of victims that can make up for it; Infinity if no number can. Gpus are left out. */
  leastVictims(): number {
    return timesToCover(this.#missing, this.#biggest);
  }
}
