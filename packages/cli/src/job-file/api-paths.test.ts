import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { expect, it } from 'vitest';
import { inShortForm, toShortFormPath } from './api-paths.js';

it.each([
  ['appName', 'name'],
  ['owner.ownerEmail', 'owner.ownerEmail'],
  ['jobGroupInfo.stack', 'group.stack'],
  ['labels["a b"]', 'labels["a b"]'],
  ['labels["berth.jobClusterId"]', 'cluster'],
  ['containers["main"].resources.memory', 'memory'],
  ['containers["main"].resources.eni', 'resources.eni'],
  ['containers["main"].image.name', 'image'],
  ['containers["main"].image', 'image'],
  ['containers["main"].env["A.B"]', 'env["A.B"]'],
  ['containers["main"].entryPoint', 'entrypoint'],
  ['containers["main"].hardConstraints.expression', 'constraints.hard'],
  ['containers["stage-2"].resources.cpu', 'stages[1].cpu'],
  ['batch.instances.desired', 'instances.desired'],
  ['batch.retryPolicy.delayed.retries', 'retries'],
  ['batch.retryPolicy.exponentialBackOff.maxDelayIntervalMs', 'retries.maxDelay'],
  ['batch.runtimeLimitSecs', 'runtimeLimit'],
  ['service.scalingPolices[1].condition', 'scaling[1].when'],
  ['service.scalingPolices[1].labels["berth.coolDownSecs"]', 'scaling[1].coolDown'],
  ['mantis.name', 'name'],
  ['mantis.stages[0].retryPolicy.delayed.delayMs', 'stages[0].retries.delay'],
  ['mantis.stages[0].autoScalingPolicy.coolDownSecs', 'stages[0].scaling.coolDown'],
  ['mantis.subscriptionTimeoutSecs', 'transient.timeout'],
  ['mantis.parameters["a"]', 'parameters["a"]'],
  ['jobDescriptor.containers["main"].resources.cpu', 'cpu'],
])('%s is %s', (path, expected) => {
  expect(toShortFormPath(path)).toBe(expected);
});

it('turns a refusal of the gateway into the words of the file, and leaves other errors as they are', () => {
  const refused = invalidFields([
    { field: 'containers["main"].resources.cpu', description: 'must be greater than 0' },
  ]);
  expect(inShortForm('job.yaml', refused)).toMatchObject({
    message: 'the gateway refuses job.yaml:',
    problems: ['cpu: must be greater than 0'],
  });
  const other = new BerthError('unavailable', 'The gateway is going down.');
  expect(inShortForm('job.yaml', other)).toBe(other);
});
