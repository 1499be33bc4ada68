import {
  ExplainScalingRequest,
  ScalingServiceService as methods,
  type ScalingExplanation,
} from '@berth/shared/gen/berth/v1/scaling_service';
import type { CallOptions } from '../connection/options.js';
import { idOf, type Ref, repeatable } from './job-calls.js';
import { PlacementCalls } from './placement-calls.js';

export interface ExplainScalingOptions extends CallOptions {
  /**
   * The gateway measures the use of the tasks for at most this time; the default is 7000. 0 means not at all.
   */
  readonly listenMs?: number;
}

/** The calls of berth.v1.ScalingService, in addition to those about jobs and placement. */
export class ScalingCalls extends PlacementCalls {
  /** Returns the policies of a job, their current measurements and their past actions. */
  async explainScaling(job: Ref, options: ExplainScalingOptions = {}): Promise<ScalingExplanation> {
    const { listenMs, ...rest } = options;
    const request = ExplainScalingRequest.create({ jobId: idOf(job), listenMs });
    const { explanation } = await this.channel.call(repeatable(methods.explainScaling), request, rest);
    if (explanation === undefined) throw new Error('the gateway answered without an explanation');
    return explanation;
  }
}
