import type { SecurityProfile } from '@berth/shared/model/job/security-profile';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import type { ContainerSpec } from '../../core/container-spec.js';
import { resultsDirectory } from '../../core/results.js';
import { keepsResultsInVolume } from './results-file.js';

const nanoCpusPerMilli = 1_000_000;

/** Returns the body of Docker's create call. PURE. */
export function createOptions(spec: ContainerSpec) {
  const memory = spec.memoryMb * bytesPerMb;
  return {
    name: spec.name,
    Image: spec.image,
    ...(spec.security?.user === undefined ? {} : { User: spec.security.user }),
    ...(spec.entryPoint.length > 0 ? { Entrypoint: [...spec.entryPoint] } : {}),
    ...(spec.command.length > 0 ? { Cmd: [...spec.command] } : {}),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    ...(keepsResultsInVolume(spec) ? { Volumes: { [resultsDirectory]: {} } } : {}),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      Init: spec.init,
      NetworkMode: spec.network,
      ...(spec.security === undefined ? {} : securityOptions(spec.security)),
      // With port 0 Docker chooses a free port of the host.
      PortBindings: spec.network === 'bridge' ? portBindings(spec) : {},
      ...(spec.cpuMillis > 0 ? { NanoCpus: spec.cpuMillis * nanoCpusPerMilli } : {}),
      // Without swap, a container that exceeds its memory is killed at once instead of becoming very slow.
      ...(spec.gpus === undefined ? {} : { DeviceRequests: [deviceRequest(spec.gpus)] }),
      ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
    },
  };
}

function securityOptions(profile: SecurityProfile) {
  const { seccomp, apparmor, addedCapabilities, droppedCapabilities } = profile;
  const options = [
    ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`]),
    ...(apparmor === undefined ? [] : [`apparmor=${apparmor}`]),
  ];
  return {
    ...(profile.privileged ? { Privileged: true } : {}),
    ...(profile.readOnlyRootfs ? { ReadonlyRootfs: true } : {}),
    ...(addedCapabilities.length > 0 ? { CapAdd: [...addedCapabilities] } : {}),
    ...(droppedCapabilities.length > 0 ? { CapDrop: [...droppedCapabilities] } : {}),
    ...(options.length > 0 ? { SecurityOpt: options } : {}),
  };
}

function deviceRequest(gpus: readonly string[]) {
  return { Driver: 'nvidia', DeviceIDs: [...gpus], Capabilities: [['gpu']] };
}

function portBindings({ ports, portBind }: ContainerSpec) {
  return Object.fromEntries(ports.map((port) => [`${port}/tcp`, [{ HostIp: portBind, HostPort: '' }]]));
}
