import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJobFile } from './parse.js';

const parse = (text: string) => parseJobFile(text, 'job.yaml').descriptor;

/** Texts that some YAML reads as a number, a truth value, a time or nothing. */
const tricky = [
  '24.10',
  '1.10',
  '0123',
  '1e10',
  '1E5',
  '12e4567',
  '0o755',
  '0x1F',
  '012345678901',
  '12345678901234567000',
  '.5',
  '+7',
  '-0',
  '-7',
  '1_000',
  '.inf',
  '-.Inf',
  '.NaN',
  'TRUE',
  'True',
  'false',
  'null',
  'Null',
  '~',
  'yes',
  'no',
  'NO',
  'on',
  'off',
  'y',
  'n',
  '1:30',
  '190:20:30',
  '2024-01-01',
  '2024-01-01T00:00:00Z',
  '1.',
  '0b101',
];

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const number = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    digits(25),
    fc.constantFrom('', '.', '.0', '.10', 'e5', 'E-07', 'e+400'),
  )
  .map((parts) => parts.join(''));
const scalar = fc.oneof(
  fc.constantFrom(...tricky),
  number,
  fc.stringMatching(/^[A-Za-z0-9][\w.+/:-]{0,12}[\w]$/),
);

/** Numbers as JSON may write them. */
const jsonNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.stringMatching(/^(0|[1-9][0-9]{0,30})$/),
    fc.constantFrom('', '.0', '.10', 'e5', 'E-07', 'e+400'),
  )
  .map((parts) => parts.join(''));

describe('texts of a job file', () => {
  it('of the short form reach the descriptor as they were written', () => {
    fc.assert(
      fc.property(scalar, (text) => {
        const job = parse(`
image: busybox:1
name: ${text}
cluster: ${text}
owner: ${text}
team: ${text}
group: {stack: ${text}, detail: ${text}, sequence: ${text}}
labels: {a: ${text}, ${text}: b}
env: {A: ${text}, ${text}: b}
command: [${text}, -x]
entrypoint:
  - ${text}
resources: {eni: ${text}}
cpu: ${text}
parameters: {a: ${text}, ${text}: b}
securityProfile: {a: ${text}}
constraints: {hard: {a: ${text}, ${text}: b}, soft: ${text}}
`);
        const map = { a: text, [text]: 'b' };
        expect(job).toMatchObject({
          appName: text,
          owner: { ownerEmail: text, teamEmail: text },
          jobGroupInfo: { stack: text, detail: text, sequence: text },
          labels: { ...map, 'berth.jobClusterId': text },
        });
        expect(job.containers.main).toMatchObject({
          env: { A: text, [text]: 'b' },
          command: [text, '-x'],
          entryPoint: [text],
          resources: { eni: text, cpu: text },
          parameters: map,
          securityProfile: { a: text },
          hardConstraints: { constraints: map },
          softConstraints: { expression: text },
        });
      }),
    );
  });

  it('of stages and scaling reach the descriptor as they were written', () => {
    fc.assert(
      fc.property(scalar, (text) => {
        const job = parse(`
name: ${text}
userType: ${text}
parameters: {a: ${text}}
stages: [{image: 'a:1', env: {A: ${text}}, command: ${text}}]
`);
        expect(job.containers['stage-1']).toMatchObject({ env: { A: text }, command: [text] });
        expect(job.jobSpec).toMatchObject({
          value: { name: text, jobSLA: { userProvidedType: text }, parameters: { a: text } },
        });
        const scaled = parse(
          `{image: a, type: service, scaling: {when: ${text}, do: ${text}, labels: {a: ${text}}}}`,
        );
        expect(scaled.jobSpec).toMatchObject({
          value: { scalingPolices: [{ condition: text, action: text, labels: { a: text } }] },
        });
      }),
    );
  });

  it("of the API's form reach the descriptor as they were written", () => {
    fc.assert(
      fc.property(
        // In this form null means an absent field.
        scalar.filter((text) => !/^(null|~)$/i.test(text)),
        (text) => {
          const job = parse(`
appName: ${text}
jobGroupInfo: {stack: ${text}, sequence: ${text}}
containers:
  ${text}: {image: {name: ${text}}, env: {A: ${text}}, command: [${text}], resources: {cpu: ${text}}}
batch: {containerId: ${text}}
`);
          expect(job).toMatchObject({ appName: text, jobGroupInfo: { stack: text, sequence: text } });
          expect(job.containers[text]).toMatchObject({
            image: { name: text },
            env: { A: text },
            command: [text],
            resources: { cpu: text },
          });
          expect(job.jobSpec).toMatchObject({ value: { containerId: text } });
        },
      ),
    );
  });

  it('may be numbers of JSON of any size', () => {
    fc.assert(
      fc.property(jsonNumber, (text) => {
        const job = parse(`{\n\t"image": "a",\n\t"env": {"A": ${text}},\n\t"command": [${text}]}`);
        expect(job.containers.main).toMatchObject({ env: { A: text }, command: [text] });
      }),
    );
  });

  it('in quotes have any characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
        (text) => {
          const job = parse(JSON.stringify({ image: 'a', env: { A: text }, labels: { a: text } }));
          expect(job).toMatchObject({ labels: { a: text }, containers: { main: { env: { A: text } } } });
        },
      ),
    );
  });
});
