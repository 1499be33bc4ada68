import {
  type CheckExpressionResponse,
  type Explanation,
  PlacementServiceService as methods,
  type PlanRequest,
  type PlanResponse,
} from '@berth/shared/gen/berth/v1/placement_service';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { UnaryMethod } from '../connection/channel.js';
import type { CallOptions } from '../connection/options.js';
import { idOf, JobCalls, type Ref } from './job-calls.js';

/**
 * The unary calls of berth.v1.PlacementService, in addition to those about jobs. None of them changes
 * anything.
 */
export class PlacementCalls extends JobCalls {
  /** Explains why the task waits, and lists the changes that would place it. */
  async explain(task: Ref, options?: CallOptions): Promise<Explanation> {
    const request = { taskId: idOf(task) };
    const { explanation } = await this.channel.call(asking(methods.explain), request, options);
    if (explanation === undefined) throw new Error('the gateway answered without an explanation');
    return explanation;
  }

  /** Predicts the effect of a submitted job, of a drained agent or of lost agents. */
  plan(what: PlanRequest['what'], options?: CallOptions): Promise<PlanResponse> {
    return this.channel.call(asking(methods.plan), { what }, options);
  }

  /** Reports the mistakes in an expression, or the agents that satisfy it. */
  checkExpression(expression: string, options?: CallOptions): Promise<CheckExpressionResponse> {
    return this.channel.call(asking(methods.checkExpression), { expression }, options);
  }
}

function asking<Req, Res>(definition: MethodDefinition<Req, Res>): UnaryMethod<Req, Res> {
  return { definition, isRepeatable: true };
}
