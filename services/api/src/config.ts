import { cellConfigShape, listenAddress } from '@berth/shared/process/config';
import { z } from 'zod';

/** The gateway's environment variables, with their defaults. */
export const gatewayConfigSchema = z.object({
  ...cellConfigShape,
  /** gRPC: every service. */
  BERTH_API_GRPC: listenAddress('127.0.0.1:7104'),
  /** gRPC for clients of job.v1, which expect it on this port. */
  BERTH_API_JOBV1: listenAddress('127.0.0.1:59051'),
  /** HTTP: /healthz and /metrics. */
  BERTH_API_HTTP: listenAddress('127.0.0.1:7180'),
  /** Replicas of Redis that must have a commit before it counts. */
  BERTH_REDIS_WAIT_REPLICAS: z.coerce.number().int().nonnegative().default(0),
});

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
