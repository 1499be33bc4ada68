import {
  ExplainScalingRequest,
  ScalingServiceService as methods,
  type ScalingExplanation,
} from '@berth/shared/gen/berth/v1/scaling_service';
import type { CallOptions } from '../connection/options.js';
import { idOf, type Ref, repeatable } from './job-calls.js';
import { PlacementCalls } from './placement-calls.js';

export interface ExplainScalingOptions extends CallOptions {
  /** How long the gateway listens at most for what the tasks use now; 7000 where it is not given, 0: not at all. */
  readonly listenMs?: number;
}

/** The calls of berth.v1.ScalingService, beside those about jobs and placement. */
export class ScalingCalls extends PlacementCalls {
  /** The policies of a job, what they see now, and what they have done. */
  async explainScaling(job: Ref, options: ExplainScalingOptions = {}): Promise<ScalingExplanation> {
    const { listenMs, ...rest } = options;
    const request = ExplainScalingRequest.create({ jobId: idOf(job), listenMs });
    const { explanation } = await this.channel.call(repeatable(methods.explainScaling), request, rest);
    if (explanation === undefined) throw new Error('the gateway answered without an explanation');
    return explanation;
  }
}
