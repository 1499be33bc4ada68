import type { ContainerSpec } from '@berth/agent/container-spec';
import { labelNames } from '@berth/agent/labels';
import { createOptions } from '@berth/agent/runtime/docker/create-options';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';

/**
 * Every contestant launches the same container: it sleeps, has no network, and is small enough for sixty on
 * two cores.
 */
const cpuCores = 0.02;
const memoryMb = 16;
const command = ['sleep', '3600'];

/** The same containers as a batch job of Berth. */
export function sleepJob(image: string, desired: number, env: Record<string, string> = {}): JobDescriptor {
  return JobDescriptor.fromPartial({
    owner: { ownerEmail: 'bench@berth.test', teamEmail: 'bench@berth.test' },
    appName: 'bench-launch',
    containers: {
      main: {
        image: { name: image },
        command,
        env,
        resources: { cpu: String(cpuCores), memory: String(memoryMb) },
        parameters: { network: 'none' },
      },
    },
    jobSpec: { $case: 'batch', value: { instances: { desired } } },
  });
}

/** A job that no agent can take: it is accepted and waits. */
export function oversizedJob(image: string): JobDescriptor {
  const job = sleepJob(image, 1);
  const [main] = Object.values(job.containers);
  if (main !== undefined) main.resources = { ...main.resources, cpu: '1000' };
  return job;
}

/** Returns the create call that Berth's own agent makes for such a container, for starts without Berth. */
export function sleepContainer(name: string, image: string, benchLabel: string) {
  const spec: ContainerSpec = {
    name,
    image,
    entryPoint: [],
    command,
    env: { BERTH_TASK_ID: name, BERTH_JOB_ID: name, BERTH_TASK_INDEX: '0', BERTH_AGENT_ID: benchLabel },
    labels: { [labelNames.task]: name, [labelNames.job]: name, 'berth.bench': benchLabel },
    cpuMillis: cpuCores * 1000,
    memoryMb,
    network: 'none',
    ports: [],
    portBind: '127.0.0.1',
    init: true,
  };
  return createOptions(spec);
}

/** The same container as a Swarm service. Swarm knows no services without a network. */
export function sleepService(name: string, image: string, replicas: number) {
  const limits = { NanoCPUs: cpuCores * 1e9, MemoryBytes: memoryMb * 1e6 };
  return {
    Name: name,
    TaskTemplate: {
      ContainerSpec: { Image: image, Command: command, Init: true },
      Resources: { Limits: limits },
      RestartPolicy: { Condition: 'none' },
    },
    Mode: { Replicated: { Replicas: replicas } },
  };
}
