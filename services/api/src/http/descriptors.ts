import { JobManagementServiceService } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { loadDescriptors, serviceName } from '@berth/shared/rpc/descriptors';
import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import type { RpcName } from './routes.js';

let loaded: DescService | undefined;

/** The descriptor of JobManagementService. */
export function jobManagement(): DescService {
  loaded ??= loadDescriptors().getService(serviceName(JobManagementServiceService));
  if (loaded === undefined) throw new Error('no descriptor of JobManagementService: run npm run gen');
  return loaded;
}

/** The descriptor of a method, by its name in the service's definition. */
export function methodOf(rpc: RpcName): DescMethod {
  const method = jobManagement().method[rpc];
  if (method === undefined) throw new Error(`no descriptor of ${rpc}: run npm run gen`);
  return method;
}

/** The descriptor of a method's request. */
export function requestType(rpc: RpcName): DescMessage {
  return methodOf(rpc).input;
}
