import type { PortName } from '../machine/ports.js';
import { loopback } from '../machine/ports.js';
import { usesEngine } from './local-runtimes.js';
import type { ServiceKind } from './service-process.js';

/** The settings that all processes of a cell share, and the number of each kind. */
export interface CellSettings {
  readonly cell: string;
  readonly redisUrl: string;
  /** The engine of the agents, if their runtime uses one. */
  readonly dockerHost: string | undefined;
  readonly runtime: string;
  readonly counts: Readonly<Record<ServiceKind, number>>;
  /** The prefix of the agents' ids. It must differ between cells on one engine. */
  readonly agentIdPrefix: string;
  /**
   * The HTTP address of the first gateway for containers. Without it, only containers on the host's network
   * reach the gateway, at its own address.
   */
  readonly containersApiUrl?: string;
  /** Added to the environment of every service of a kind. */
  readonly extraEnv: Readonly<Partial<Record<ServiceKind, Readonly<Record<string, string>>>>>;
}

/** One process of the cell to start. */
export interface ServicePlan {
  readonly kind: ServiceKind;
  /** `master` for the first of its kind, then `master-2` and so on. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** `host:port` of its `/healthz`. */
  readonly http: string;
}

/** The addresses of a gateway, each as `host:port`. */
export interface GatewayAddresses {
  readonly grpc: string;
  readonly jobV1: string;
  readonly http: string;
}

export interface CellPlan {
  readonly services: readonly ServicePlan[];
  readonly gateways: readonly GatewayAddresses[];
  readonly agentIds: readonly string[];
}

/** Returns the port of an address; `index` counts the processes of one kind from 0. */
type PortOf = (name: PortName, index: number) => number;

/** Returns every process of a cell with its configuration, in the order of their start. */
export function planCell(settings: CellSettings, portOf: PortOf): CellPlan {
  const at = (name: PortName, index: number) => `${loopback}:${portOf(name, index)}`;
  const gateways = times(settings.counts.api, (index) => ({
    grpc: at('apiGrpc', index),
    jobV1: at('apiJobV1', index),
    http: at('apiHttp', index),
  }));
  // The first of several gateways: containers can get only one address.
  const apiUrl = settings.containersApiUrl ?? (gateways[0] === undefined ? '' : `http://${gateways[0].http}`);
  const agentIds = times(settings.counts.agent, (index) => numbered(settings.agentIdPrefix, index));
  const service = (
    kind: ServiceKind,
    index: number,
    http: string,
    own: Record<string, string>,
  ): ServicePlan => ({
    kind,
    name: numbered(kind, index),
    http,
    env: { ...commonEnv(settings), ...own, ...settings.extraEnv[kind] },
  });
  return {
    gateways,
    agentIds,
    services: [
      ...gateways.map((gateway, index) => service('api', index, gateway.http, gatewayEnv(gateway))),
      ...times(settings.counts.master, (index) => {
        const http = at('masterHttp', index);
        return service('master', index, http, { BERTH_MASTER_HTTP: http, BERTH_MASTER_API_URL: apiUrl });
      }),
      ...agentIds.map((id, index) => {
        const http = at('agentHttp', index);
        const own = { BERTH_AGENT_ID: id, BERTH_AGENT_GRPC: at('agentGrpc', index), BERTH_AGENT_HTTP: http };
        return service('agent', index, http, { ...own, ...runtimeEnv(settings) });
      }),
    ],
  };
}

function commonEnv(settings: CellSettings): Record<string, string> {
  return { BERTH_REDIS_URL: settings.redisUrl, BERTH_CELL: settings.cell };
}

function gatewayEnv(gateway: GatewayAddresses): Record<string, string> {
  return { BERTH_API_GRPC: gateway.grpc, BERTH_API_JOBV1: gateway.jobV1, BERTH_API_HTTP: gateway.http };
}

function runtimeEnv({ runtime, dockerHost }: CellSettings): Record<string, string> {
  const host = usesEngine(runtime) && dockerHost !== undefined ? { DOCKER_HOST: dockerHost } : {};
  return { BERTH_AGENT_RUNTIME: runtime, ...host };
}

function numbered(name: string, index: number): string {
  return index === 0 ? name : `${name}-${index + 1}`;
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
