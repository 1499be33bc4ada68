import { AgentServiceService } from '@berth/shared/gen/berth/v1/agent_service';
import { ObserveServiceService } from '@berth/shared/gen/berth/v1/observe_service';
import { ScalingServiceService } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import { JobManagementServiceService } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { loadDescriptors, serviceName } from '@berth/shared/rpc/builtin/descriptors';
import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import type { RpcName } from './routes.js';

/** The services that have routes. */
const definitions = [
  AgentServiceService,
  JobManagementServiceService,
  ObserveServiceService,
  JobServiceService,
  ScalingServiceService,
  ScheduleServiceService,
  StageServiceService,
];

let loaded: readonly DescService[] | undefined;

/** The descriptors of the services that have routes. */
export function servedServices(): readonly DescService[] {
  loaded ??= loadServices();
  return loaded;
}

function loadServices(): readonly DescService[] {
  const registry = loadDescriptors();
  return definitions.map((definition) => {
    const service = registry.getService(serviceName(definition));
    if (service === undefined)
      throw new Error(`no descriptor of ${serviceName(definition)}: run npm run gen`);
    return service;
  });
}

/** The descriptor of a method, by its name in its service's definition. */
export function methodOf(rpc: RpcName): DescMethod {
  const [method] = servedServices().flatMap((service) => service.method[rpc] ?? []);
  if (method === undefined) throw new Error(`no descriptor of ${rpc}: run npm run gen`);
  return method;
}

/** The descriptor of a method's request. */
export function requestType(rpc: RpcName): DescMessage {
  return methodOf(rpc).input;
}
