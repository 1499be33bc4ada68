import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors/usage-error.js';
import { parseJobFile } from './parse.js';

const parse = (text: string) => parseJobFile(text, 'job.yaml');

function problems(text: string): readonly string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.problems];
    throw error;
  }
  throw new Error('The file was accepted.');
}

describe('the short form', () => {
  it('needs only an image', () => {
    expect(parse('image: 127.0.0.1:5000/team/busybox:1')).toEqual(
      JobDescriptor.fromPartial({
        appName: 'busybox',
        containers: { main: { image: { name: '127.0.0.1:5000/team/busybox:1' } } },
        jobSpec: { $case: 'batch', value: { containerId: 'main' } },
      }),
    );
  });

  it('takes the scaling of a service as a target, or as policies', () => {
    const policies = (scaling: string) => {
      const spec = parse(`{image: web, type: service, scaling: ${scaling}}`).jobSpec;
      return spec?.$case === 'service' ? spec.value.scalingPolices : [];
    };
    const target = { condition: 'target(CPUUtilization) = 60%', action: '', durationSecs: 0, labels: {} };
    expect(policies('target(CPUUtilization) = 60%')).toEqual([target]);
    expect(
      policies(`[target(CPUUtilization) = 60%, {when: max(q) > 5, do: addInstances 1, for: 1m, coolDown: 90s,
        scaleInCoolDown: 2m, hysteresis: 10, labels: {team: web}}]`),
    ).toEqual([
      target,
      {
        condition: 'max(q) > 5',
        action: 'addInstances 1',
        durationSecs: 60,
        labels: {
          team: 'web',
          'berth.coolDownSecs': '90',
          'berth.scaleInCoolDownSecs': '120',
          'berth.hysteresisPct': '10',
        },
      },
    ]);
    expect(problems('{image: web, scaling: target(x) = 1}')).toEqual([
      'job.yaml is not a valid job:',
      'scaling: is for services only',
    ]);
  });

  it('has flat fields for everything', () => {
    const descriptor = parse(`
      name: web
      type: service
      cluster: shop
      owner: ann@example.com
      team: shop@example.com
      group: {stack: main, detail: blue, sequence: 1}
      labels: {tier: 1, canary: true, empty: }
      image: web:1
      entrypoint: [/bin/sh, -c]
      command: 'echo "a b" c'
      env: [A=1, B=x=y, C]
      cpu: 0.5
      memory: 512MiB
      disk: 10Gb
      network: 100
      gpu: 0.5
      ports: [8080, 9090]
      resources: {eni: 1}
      instances: {min: 1, max: 5, desired: 3}
      retries: {times: 4, initialDelay: 1s, maxDelay: 1m}
      constraints: {hard: 'zone == "a"', soft: {uniqueHost: true}}
      parameters: {p: 1}
      securityProfile: {user: app}
    `);
    expect(descriptor).toEqual(
      JobDescriptor.fromPartial({
        appName: 'web',
        owner: { ownerEmail: 'ann@example.com', teamEmail: 'shop@example.com' },
        jobGroupInfo: { stack: 'main', detail: 'blue', sequence: '1' },
        labels: { tier: '1', canary: 'true', empty: '', 'berth.jobClusterId': 'shop' },
        containers: {
          main: {
            image: { name: 'web:1' },
            entryPoint: ['/bin/sh', '-c'],
            command: ['echo', 'a b', 'c'],
            env: { A: '1', B: 'x=y', C: '' },
            resources: {
              eni: '1',
              cpu: '0.5',
              memory: '512MiB',
              disk: '10Gb',
              network: '100',
              gpu: '0.5',
              ports: '8080,9090',
            },
            hardConstraints: { expression: 'zone == "a"' },
            softConstraints: { constraints: { uniqueHost: 'true' } },
            parameters: { p: '1' },
            securityProfile: { user: 'app' },
          },
        },
        jobSpec: {
          $case: 'service',
          value: {
            instances: { min: 1, max: 5, desired: 3 },
            retryPolicy: {
              policy: {
                $case: 'exponentialBackOff',
                value: { initialDelayMs: 1000, maxDelayIntervalMs: 60_000, retries: 4 },
              },
            },
            containerId: 'main',
          },
        },
      }),
    );
  });

  it.each([
    ['retries: 2', { $case: 'immediate', value: { retries: 2 } }],
    [
      'retries: {times: 2, delay: 5s}',
      { $case: 'delayed', value: { initialDelayMs: 5000, delayMs: 5000, retries: 2 } },
    ],
    [
      'retries: {times: 2, delay: 5s, initialDelay: 0}',
      { $case: 'delayed', value: { initialDelayMs: 0, delayMs: 5000, retries: 2 } },
    ],
    [
      'retries: {times: 2, policy: exponential}',
      {
        $case: 'exponentialBackOff',
        value: { initialDelayMs: 1000, maxDelayIntervalMs: 60_000, retries: 2 },
      },
    ],
  ])('%s', (line, policy) => {
    const { jobSpec } = parse(`image: a\n${line}`);
    expect(jobSpec?.$case === 'batch' ? jobSpec.value.retryPolicy?.policy : undefined).toEqual(policy);
  });

  it('reads a runtime limit as time or as seconds', () => {
    const limit = (text: string) => {
      const { jobSpec } = parse(`image: a\nruntimeLimit: ${text}`);
      return jobSpec?.$case === 'batch' ? jobSpec.value.runtimeLimitSecs : undefined;
    };
    expect([limit('10m'), limit('90'), limit('1h30m')]).toEqual([600, 90, 5400]);
  });

  it('takes a digest as the id of an image', () => {
    const id = `sha256:${'ab'.repeat(32)}`;
    expect(parse(`image: ${id}`).containers.main?.image).toEqual({ imageId: id, name: '' });
  });

  it('may be JSON', () => {
    expect(parse('{"image": "a:1", "instances": 2}').appName).toBe('a');
  });
});

describe('the full form', () => {
  it('is a descriptor in the JSON mapping of the API', () => {
    const descriptor = JobDescriptor.fromPartial({
      appName: 'web',
      owner: { ownerEmail: 'a@b.c', teamEmail: 'a@b.c' },
      labels: { a: 'b' },
      containers: {
        one: {
          image: { name: 'web:1' },
          resources: { cpu: '1' },
          command: ['x'],
          hardConstraints: { constraints: { host: 'h' } },
        },
      },
      jobSpec: {
        $case: 'service',
        value: {
          instances: { min: 1, max: 3, desired: 2 },
          enabled: true,
          retryPolicy: { policy: { $case: 'delayed', value: { initialDelayMs: 1, delayMs: 2, retries: 3 } } },
          containerId: 'one',
        },
      },
    });
    expect(parse(JSON.stringify(JobDescriptor.toJSON(descriptor)))).toEqual(descriptor);
  });

  it('takes stages of a Mantis job', () => {
    const descriptor = parse(`
      appName: stream
      containers: {one: {image: {name: 'a'}}}
      mantis:
        jobSLA: {durationType: Transient, runtimeLimitSecs: "600"}
        stages: [{instances: {desired: 2}, containerId: one, autoScalingPolicy: {increment: 1, strategies: {cpu: {scaleUpAbovePct: 80}}}}]
    `);
    const spec = descriptor.jobSpec?.$case === 'mantis' ? descriptor.jobSpec.value : undefined;
    expect(spec?.jobSLA).toMatchObject({ durationType: 1, runtimeLimitSecs: 600 });
    expect(spec?.stages[0]?.autoScalingPolicy?.strategies.cpu?.scaleUpAbovePct).toBe(80);
  });

  it('has a short form for stages; each stage is written like a job', () => {
    const descriptor = parse(`
      name: clicks
      stages:
        - {image: 'a:1', command: read --all, instances: 2, cpu: 0.5}
        - image: b:1
          ports: 8080
          instances: {min: 1, max: 8, desired: 2}
          retries: {times: 3, delay: 5s}
          scaling: {coolDown: 1m, strategies: {CPU: {above: 80, below: 20, count: 3, of: 5}}}
      runtimeLimit: 2h
      transient: {timeout: 90s, minRuntime: 10m}
      userType: clicks-eu
      parameters: {topic: clicks}
    `);
    expect(descriptor.appName).toBe('clicks');
    expect(descriptor.containers['stage-2']).toMatchObject({
      image: { name: 'b:1' },
      resources: { ports: '8080' },
    });
    expect(descriptor.jobSpec).toMatchObject({
      $case: 'mantis',
      value: {
        name: 'clicks',
        jobSLA: {
          runtimeLimitSecs: 7200,
          minRuntimeSecs: 600,
          durationType: 1,
          userProvidedType: 'clicks-eu',
        },
        subscriptionTimeoutSecs: 90,
        parameters: { topic: 'clicks' },
        stages: [
          { containerId: 'stage-1', instances: { desired: 2 } },
          {
            containerId: 'stage-2',
            instances: { min: 1, max: 8, desired: 2 },
            retryPolicy: { policy: { $case: 'delayed', value: { delayMs: 5000, retries: 3 } } },
            autoScalingPolicy: {
              increment: 1,
              coolDownSecs: 60,
              strategies: {
                CPU: { scaleUpAbovePct: 80, scaleDownBelowPct: 20, rollingCount: { count: 3, of: 5 } },
              },
            },
          },
        ],
      },
    });
    expect(parse('{name: a, stages: [{image: b}], transient: true}').jobSpec).toMatchObject({
      value: { jobSLA: { durationType: 1 }, subscriptionTimeoutSecs: undefined },
    });
  });

  it('accepts numbers and truth values for texts of the API', () => {
    const { containers } = parse('containers: {one: {env: {PORT: 80, ON: true}, resources: {cpu: 0.5}}}');
    expect(containers.one).toMatchObject({ env: { PORT: '80', ON: 'true' }, resources: { cpu: '0.5' } });
  });
});

describe('a wrong job file', () => {
  it('is reported with the problems of each stage', () => {
    expect(problems('{stages: [{image: a}, {imag: b}], transient: sometimes}').slice(1).sort()).toEqual([
      'name: is required: a text',
      'stages[1].imag: there is no such field; did you mean image?',
      'stages[1].image: must be the name of an image',
      'transient: must be true, or a map with timeout and minRuntime',
    ]);
  });

  it('is reported with the path of every wrong field', () => {
    const found = problems(`
      imagee: a
      instances: {min: 1, desird: 2}
      ports: [80, 99999]
      env: {A: [1]}
      retries: -1
      runtimeLimit: soon
      type: cron
    `);
    expect(found[0]).toBe('job.yaml is not a valid job:');
    expect(found.slice(1).sort()).toEqual([
      'env.A: must be a text or a number',
      'image: must be the name of an image',
      'imagee: there is no such field; did you mean image?',
      'instances.desird: there is no such field; did you mean desired?',
      'ports[1]: must be from 1 to 65535',
      'retries: must not be negative',
      'runtimeLimit: must be a time such as 90s, 10m or 1h30m, not "soon"',
      'type: must be batch or service',
    ]);
  });

  it.each([
    ['env: [1]', 'env[0]: must be NAME=VALUE'],
    ['ports: http', 'ports: must be port numbers from 1 to 65535'],
    ['instances: 1.5', 'instances: must be a whole number, or a map with min, max and desired'],
    ['instances: {min: -1}', 'instances.min: must not be negative'],
    ['owner: [a]', 'owner: must be an e-mail address, or a map with ownerEmail and teamEmail'],
    ['owner: {email: a}', 'owner.email: there is no such field'],
    ['command: "echo \'a"', 'command: has a quote that is not closed'],
    ['cpu: {cores: 1}', 'cpu: must be a text or a number'],
    ['labels: [a]', 'labels: must be a map of names to values'],
  ])('with %s has a message of its own', (line, message) => {
    expect(problems(`image: a\n${line}`).slice(1)).toEqual([message]);
  });

  it('is reported in the full form too', () => {
    expect(
      problems(`
        containers: {one: {image: {nme: a}, resources: {cpu: 1}, ports: [80]}}
        service: {scalingPolicies: [], instances: {desired: many}}
        batch: {}
      `)
        .slice(1)
        .sort(),
    ).toEqual([
      'containers.one.image.nme: there is no such field; did you mean name?',
      'containers.one.ports: there is no such field',
      'service.instances.desired: must be a whole number',
      'service.scalingPolicies: there is no such field; did you mean scalingPolices?',
    ]);
  });

  it('is refused if it has two kinds', () => {
    expect(problems('containers: {}\nservice: {}\nbatch: {}')).toContain(
      'has batch and service, but only one of them is allowed',
    );
  });

  it('is refused if it mixes the two forms', () => {
    expect(problems('image: a\ncontainers: {}\nbatch: {}')[1]).toBe(
      "containers, batch of the API's form and image of the short form cannot be mixed.",
    );
  });

  it('is reported with the position of a YAML mistake', () => {
    const [sentence, where] = problems('image: a\n  cpu: 1\n');
    expect(sentence).toBe('job.yaml is neither YAML nor JSON:');
    expect(where).toMatch(/line 2|line 1/);
  });

  it.each(['', '- a', 'just words', 'null'])('holds no job: %j', (text) => {
    expect(problems(text)[0]).toMatch(/job.yaml holds no job/);
  });

  it('is refused if it names a field twice', () => {
    expect(problems('image: a\nimage: b')[1]).toMatch(/unique/);
  });

  it('is refused if a service has a runtime limit', () => {
    expect(problems('image: a\ntype: service\nruntimeLimit: 5m')).toContain(
      'runtimeLimit: is for batch jobs only',
    );
  });
});
