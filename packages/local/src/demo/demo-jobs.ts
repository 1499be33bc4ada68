import type { BerthClient } from '@berth/client';

type Descriptor = Parameters<BerthClient['createJob']>[0];

/** A job of the demo. The gateway fills in the missing fields of its descriptor. */
export interface DemoJob {
  readonly name: string;
  /** A description for the watching user. */
  readonly about: string;
  readonly descriptor: Descriptor;
}

const owner = { ownerEmail: 'demo@example.com', teamEmail: 'demo@example.com' };
/** Small enough that all tasks of the demo fit on one core at once. */
const resources = { cpu: '0.1', memory: '32' };
const containerName = 'main';

const batchSize = 5;
export const serviceSize = 2;

/** Returns a batch job. Its tasks print a line, work for two seconds and end. */
export function batchJob(image: string): DemoJob {
  const name = 'demo-batch';
  const jobSpec: Descriptor['jobSpec'] = {
    $case: 'batch',
    value: {
      instances: { desired: batchSize },
      runtimeLimitSecs: 60,
      retryPolicy: { policy: { $case: 'immediate', value: { retries: 2 } } },
      containerId: containerName,
    },
  };
  const command = 'echo "hello from $(hostname)"; sleep 2';
  return {
    name,
    about: `${batchSize} tasks that end`,
    descriptor: descriptorOf(name, { image, command, jobSpec }),
  };
}

/** Returns a service job. Its tasks run until they are stopped. */
export function serviceJob(image: string): DemoJob {
  const name = 'demo-service';
  const jobSpec: Descriptor['jobSpec'] = {
    $case: 'service',
    value: {
      instances: { desired: serviceSize },
      enabled: true,
      retryPolicy: { policy: { $case: 'immediate', value: { retries: 2 } } },
      containerId: containerName,
    },
  };
  // The first process of a container ends at SIGTERM only if it handles the signal.
  const command = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done";
  const about = `${serviceSize} tasks that are kept running`;
  return { name, about, descriptor: descriptorOf(name, { image, command, jobSpec }) };
}

interface DemoWork {
  readonly image: string;
  /** A shell command line. */
  readonly command: string;
  readonly jobSpec: Descriptor['jobSpec'];
}

function descriptorOf(name: string, { image, command, jobSpec }: DemoWork): Descriptor {
  const container = { resources, image: { name: image }, entryPoint: ['/bin/sh', '-c'], command: [command] };
  return { owner, appName: name, containers: { [containerName]: container }, jobSpec };
}
