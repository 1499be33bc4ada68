import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors/usage-error.js';
import { parseJobFile } from './parse.js';

const parse = (text: string) => parseJobFile(text, 'job.yaml').descriptor;

function problems(text: string): readonly string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.problems];
    throw error;
  }
  throw new Error('The file was accepted.');
}

const portForm = 'a port is written 80, 53/udp or 8080:80, with numbers from 1 to 65535';

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

describe('texts and structures of YAML', () => {
  const env = (text: string) => parse(`image: a\nenv:\n${text}`).containers.main?.env;

  it.each([
    ['  V: 1.10', { V: '1.10' }],
    ['  V: 1.10 # a version', { V: '1.10' }],
    ['  SHA: 12e4567', { SHA: '12e4567' }],
    ['  V: !!str 1.10', { V: '1.10' }],
    ['  V: "1.10"', { V: '1.10' }],
    ['  V: null', { V: 'null' }],
    ['  V:', { V: '' }],
    ['  V: |\n    a\n    b', { V: 'a\nb\n' }],
    ['  on: no', { on: 'no' }],
    ['  1.10: 0x1F', { '1.10': '0x1F' }],
    ['  "a b": 1\n  a.b-c: 2\n  ü: 3', { 'a b': '1', 'a.b-c': '2', ü: '3' }],
    ['  "<<": 1', { '<<': '1' }],
  ])('%j', (text, expected) => {
    expect(env(text)).toEqual(expected);
  });

  it('may be of version 1.1', () => {
    expect(
      parse('%YAML 1.1\n---\nimage: a\nenv: {A: no, B: 1:30, C: 0o17, D: 017}').containers.main?.env,
    ).toEqual({
      A: 'no',
      B: '1:30',
      C: '0o17',
      D: '017',
    });
  });

  it('may be anchors, aliases and merged maps', () => {
    const { containers } = parse(`
name: a
stages:
  - image: &image b:1
    env: &env {A: 1.10, B: 2}
  - image: *image
    env: {<<: *env, B: 3}
  - image: *image
    env: {<<: [{B: 4}, *env], C: 5}
`);
    expect(Object.values(containers).map(({ image, env: variables }) => [image?.name, variables])).toEqual([
      ['b:1', { A: '1.10', B: '2' }],
      ['b:1', { A: '1.10', B: '3' }],
      ['b:1', { A: '1.10', B: '4', C: '5' }],
    ]);
  });

  it.each([
    ['image: a\n---\nimage: b', 'a line --- begins a second document, but a job file holds one job'],
    ['image: a\nenv: {A: *b}', 'job.yaml cannot be read: *b refers to no anchor before it.'],
    [
      'image: a\nenv: &x {A: *x}',
      'job.yaml cannot be read: an alias refers to a value that holds the alias.',
    ],
    ['image: a\nenv: {<<: 1}', 'job.yaml cannot be read: << merges maps only, such as <<: *defaults.'],
    ['image: a\nenv: {__proto__: 1}', 'job.yaml cannot be read: __proto__ cannot be the name of a field.'],
    ['image: a\nenv: {[1]: 1}', 'job.yaml cannot be read: a list or a map is the name of a field.'],
  ])('are refused: %j', (text, message) => {
    expect(problems(text).join('\n')).toContain(message);
  });

  it('are refused if aliases expand without end', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `${level + 1}: &a${level + 1} [${`*a${level},`.repeat(10)}]`,
    );
    expect(problems(`0: &a0 [x]\n${levels.join('\n')}`)[0]).toMatch(/has more than 100000 values/);
  });

  it('are refused if two names of fields have the same text', () => {
    expect(problems('image: a\nenv: {1: a, "1": b}')[1]).toMatch(/unique/);
    expect(env('  1.0: a\n  1: b')).toEqual({ '1.0': 'a', 1: 'b' });
  });
});

describe('a value at the edge of a field', () => {
  it.each([
    ['runtimeLimit: 0', 'runtimeLimit: must be more than 0; without this field there is no limit'],
    ['runtimeLimit: -5s', 'runtimeLimit: must be a time such as 90s, 10m or 1h30m, not "-5s"'],
    ['runtimeLimit: 4000d', 'runtimeLimit: must be at most 3650d'],
    ['runtimeLimit: 1e3', 'runtimeLimit: must be a time such as 90s, 10m or 1h30m, not "1e3"'],
    ['runtimeLimit: 1:30', 'runtimeLimit: must be a time such as 90s, 10m or 1h30m, not "1:30"'],
    ['runtimeLimit:', 'runtimeLimit: has no value: write one, or leave the field out'],
    ['instances: -1', 'instances: must not be negative'],
    ['instances: .inf', 'instances: must be a whole number, or a map with min, max and desired'],
    ['retries: -1', 'retries: must not be negative'],
    ['retries: {times: 2, delay: -1s}', 'retries.delay: must be a time such as 90s, 10m or 1h30m, not "-1s"'],
    ['retries: {delay: 5s}', 'retries.times: must be a whole number'],
    ['ports: 0', 'ports: must be from 1 to 65535'],
    ['ports: [65536]', 'ports[0]: must be from 1 to 65535'],
    ['ports: [-1]', 'ports[0]: must be from 1 to 65535'],
    ['memory:', 'memory: has no value: write one, or leave the field out'],
    ['retries: {times: 2, delay: 400d}', 'retries.delay: must be at most 24h'],
    ['retries: {times: 2, maxDelay: 25h}', 'retries.maxDelay: must be at most 24h'],
    ['retries: {times: 2, policy: immediate, delay: 5s}', 'retries.delay: is not for the policy immediate'],
    ['retries: {times: 2, policy: delayed, maxDelay: 5s}', 'retries.maxDelay: is not for the policy delayed'],
    ['retries: 99999999999', 'retries: is too great'],
    ['retries: 1e2', 'retries: must be a whole number, never, or a map with times, policy and delays'],
    ['type: service\nretries: never', 'retries: never is for batch jobs only'],
    ['type: service\nretryRuntimeLimit: true', 'retryRuntimeLimit: is for batch jobs only'],
    ['instances: 010', 'instances: must be a whole number, or a map with min, max and desired'],
    ['instances: {desired: 1.5}', 'instances.desired: must be a whole number'],
    ['instances: {desired: 99999999999999999999}', 'instances.desired: is too great'],
    ['instances: {min: yes}', 'instances.min: must be a whole number'],
    ['ports: 8080.5', `ports: ${portForm}`],
    ['ports: [0x50]', `ports[0]: ${portForm}`],
    ['ports: [080]', 'ports[0]: ports are written without zeros in front'],
    ['ports: [80, 0]', 'ports[1]: must be from 1 to 65535'],
    ['ports: ["8080:99999"]', 'ports[0]: ports are from 1 to 65535'],
    ['ports: 53/icmp', 'ports: the protocol is tcp, udp, sctp'],
    [
      'ports: 127.0.0.1:8080:80',
      'ports: the operator of an agent chooses the address of its published ports; write 8080:80',
    ],
    ['ports: {80: 80}', 'ports: must be a port such as 80, 53/udp or 8080:80, or a list of them'],
    ['ports: [[80]]', 'ports[0]: must be a port such as 80, 53/udp or 8080:80'],
    ['group: 5', 'group: must be a map with stack, detail, sequence'],
    ['name: ""', 'name: must not be empty'],
    ['cluster: ""', 'cluster: must not be empty'],
    ['name: [a]', 'name: must be a text or a number'],
    ['entrypoint: ""', "entrypoint: must have a word; without this field the image's own entry point runs"],
    ['env: {"": a}', 'env[""]: is no name of a variable: it must not be empty, and not hold = or NUL'],
    ['env: {"A=B": c}', 'env["A=B"]: is no name of a variable: it must not be empty, and not hold = or NUL'],
    ['env: ["=c"]', 'env[""]: is no name of a variable: it must not be empty, and not hold = or NUL'],
  ])('is refused: %s', (line, message) => {
    expect(problems(`image: a\n${line}`).slice(1)).toEqual([message]);
  });

  it('of a resource is named beside other mistakes, and left to the gateway otherwise', () => {
    const { containers } = parse('{image: a, cpu: 0, memory: 1}');
    expect(containers.main?.resources).toEqual({ cpu: '0', memory: '1' });
    expect(problems('{image: a, cpu: 0, memory: 1, instances: -1}').slice(1)).toEqual([
      'instances: must not be negative',
      'cpu: must be greater than 0',
      'memory: is "1", but a container needs at least 7 MB',
    ]);
    expect(problems('{name: a, stages: [{image: b}, {image: c, cpu: .nan, ports: 0}]}').slice(1)).toEqual([
      'stages[1].ports: must be from 1 to 65535',
      'stages[1].cpu: is ".nan", but must be a number of cores, decimals allowed',
    ]);
  });

  it.each([
    ['80', '80'],
    ['8080:80', '8080:80'],
    ['"8080:80/tcp"', '8080:80/tcp'],
    ['22:22', '22:22'],
    ['[53/udp, 8080:80, 443]', '53/udp,8080:80,443'],
  ])('are ports: %s', (written, ports) =>
    expect(parse(`{image: a, ports: ${written}}`).containers.main?.resources.ports).toBe(ports),
  );

  it('may be written in quotes', () => {
    const { jobSpec, containers } = parse(
      '{image: a, instances: "2", retries: "3", ports: ["80"], memory: "7"}',
    );
    expect(containers.main?.resources).toEqual({ ports: '80', memory: '7' });
    expect(jobSpec).toMatchObject({
      value: { instances: { desired: 2 }, retryPolicy: { policy: { value: { retries: 3 } } } },
    });
  });

  it('is growing delays if only the initial delay is given', () => {
    expect(parse('{image: a, retries: {times: 2, initialDelay: 5s}}').jobSpec).toMatchObject({
      value: {
        retryPolicy: {
          policy: {
            $case: 'exponentialBackOff',
            value: { initialDelayMs: 5000, maxDelayIntervalMs: 60_000 },
          },
        },
      },
    });
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
    ['ports: http', `ports: ${portForm}`],
    ['instances: 1.5', 'instances: must be a whole number, or a map with min, max and desired'],
    ['instances: {min: -1}', 'instances.min: must not be negative'],
    ['owner: [a]', 'owner: must be an e-mail address, or a map with ownerEmail and teamEmail'],
    ['owner: {email: a}', 'owner.email: there is no such field'],
    ['command: "echo \'a"', 'command: has a quote that is not closed'],
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
