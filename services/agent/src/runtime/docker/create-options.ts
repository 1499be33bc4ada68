import type { SecurityProfile } from '@berth/shared/model/job/security-profile';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import { portText } from '@berth/shared/model/resources/ports';
import type { ContainerSpec, LogBound } from '../../core/container-spec.js';
import { resultsDirectory } from '../../core/results.js';
import { type EngineFeatures, usualFeatures } from './core/engine-features.js';
import { keepsResultsInVolume } from './results-file.js';

const nanoCpusPerMilli = 1_000_000;

/** Returns the body of Docker's create call. It leaves out limits that the engine cannot hold. PURE. */
export function createOptions(spec: ContainerSpec, features: EngineFeatures = usualFeatures) {
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
    ...stopTimeout(spec),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portText(port), {}])),
    HostConfig: {
      Init: spec.init,
      NetworkMode: spec.network,
      ...(spec.security === undefined ? {} : securityOptions(spec.security)),
      // Without a port of the host Docker chooses a free one.
      PortBindings: spec.network === 'bridge' ? portBindings(spec) : {},
      ...(spec.cpuMillis > 0 && features.cpuLimit ? { NanoCpus: spec.cpuMillis * nanoCpusPerMilli } : {}),
      // Without swap, a container that exceeds its memory is killed at once instead of becoming very slow.
      ...(spec.gpus === undefined ? {} : { DeviceRequests: [deviceRequest(spec.gpus)] }),
      ...(memory > 0 ? { Memory: memory } : {}),
      ...(memory > 0 && features.swapLimit ? { MemorySwap: memory } : {}),
      ...bounds(spec, features),
    },
  };
}

/** An engine that shuts down gives its containers whole seconds. */
function stopTimeout({ stopTimeoutMs }: ContainerSpec) {
  return stopTimeoutMs === undefined ? {} : { StopTimeout: Math.ceil(stopTimeoutMs / 1000) };
}

/** Returns the limits that protect the host from a container. */
function bounds({ diskMb = 0, pidsLimit = 0, log }: ContainerSpec, features: EngineFeatures) {
  return {
    ...(pidsLimit > 0 && features.pidsLimit ? { PidsLimit: pidsLimit } : {}),
    ...(diskMb > 0 && features.diskLimit ? { StorageOpt: { size: `${diskMb * bytesPerMb}` } } : {}),
    ...(log === undefined || features.boundedLog === undefined
      ? {}
      : { LogConfig: { Type: features.boundedLog, Config: logConfig(log) } }),
  };
}

function logConfig({ fileMb, files }: LogBound) {
  return { 'max-size': `${fileMb}m`, 'max-file': `${files}` };
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
  return Object.fromEntries(
    ports.map((port) => [portText(port), [{ HostIp: portBind, HostPort: `${port.hostPort ?? ''}` }]]),
  );
}
