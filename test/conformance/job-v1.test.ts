import { describe, expect, it } from 'vitest';
import { describeFile } from './descriptor-facts.js';
import { keptFacts, readSeed, seedDocument } from './seeds.js';

const packageName = 'job.v1';
const documented = keptFacts(packageName);
const described = describeFile('job/v1/job_service.proto');
const seed = seedDocument('job-v1-job-service.md');

/** The numbers that the published service uses; its documentation does not contain them. */
const publishedNumbers: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Job: { kind: 1, description: 2, registered_at: 3, cron_spec: 11, schedule_at: 12 },
  JobInstance: {
    kind: 1,
    uuid: 2,
    state: 11,
    arguments: 12,
    results: 13,
    error: 14,
    created_at: 21,
    scheduled_at: 22,
    processed_at: 23,
    completed_at: 24,
    terminated_at: 25,
    cancelled_at: 26,
    timed_out_at: 27,
    attempts: 31,
  },
  ListRegisteredJobsRequest: {},
  ListRegisteredJobsResponse: { jobs: 1 },
  LookupInstancesRequest: { query: 1 },
  LookupInstancesResponse: { instances: 1 },
  Query: { kind: 1, uuid: 2, state: 3 },
  ScheduleJobRequest: { kind: 1, arguments: 11, priority: 12 },
  ScheduleJobResponse: { instance: 1 },
  VersionRequest: {},
  VersionResponse: { version: 1, api_version: 2 },
};

/** The published service has these too, though its documentation does not. */
const undocumented = {
  messages: {
    [`${packageName}.CancelInstancesRequest`]: [['query', `${packageName}.Query`, '']],
    [`${packageName}.CancelInstancesResponse`]: [['instances', `${packageName}.JobInstance`, 'repeated']],
  },
  methods: [
    ['CancelInstances', `${packageName}.CancelInstancesRequest`, `${packageName}.CancelInstancesResponse`],
  ],
};

const expectedMessages = { ...documented.messages, ...undocumented.messages };
const expectedNumbers = {
  ...publishedNumbers,
  CancelInstancesRequest: { query: 1 },
  CancelInstancesResponse: { instances: 1 },
};

describe('the job.v1 API', () => {
  it('has every documented message, the two of CancelInstances, and no other', () => {
    expect([...described.messages.keys()].sort()).toEqual(Object.keys(expectedMessages).sort());
  });

  it.each(Object.entries(expectedMessages))(
    'has the fields of %s with their types and labels',
    (name, fields) => {
      const actual = described.messages.get(name)?.map(({ name: field, type, isRepeated, isOptional }) => {
        const label = isRepeated ? 'repeated' : isOptional ? 'optional' : '';
        return [field, type, label];
      });
      expect(actual).toEqual(fields);
    },
  );

  it('has the numbers of the published service', () => {
    const numbers = [...described.messages].map(([message, fields]) => [
      message.slice(packageName.length + 1),
      Object.fromEntries(fields.map(({ name, number }) => [name, number])),
    ]);
    expect(Object.fromEntries(numbers)).toEqual(expectedNumbers);
  });

  it('has no oneofs and no maps', () => {
    expect([...described.messages.values()].flat().filter(({ oneof }) => oneof !== undefined)).toEqual([]);
    expect(described.mapEntries.size).toBe(0);
  });

  it('has every documented enum with its values, and no other', () => {
    expect(Object.fromEntries(described.enums)).toEqual(documented.enums);
  });

  it('has every documented method, CancelInstances, and no other, none of them a stream', () => {
    expect([...described.services.keys()]).toEqual(Object.keys(documented.services));
    const methods = [...described.services.values()].flat();
    expect(methods.map(({ name, request, response }) => [name, request, response])).toEqual([
      ...Object.values(documented.services).flat(),
      ...undocumented.methods,
    ]);
    expect(
      methods.filter(({ clientStreaming, serverStreaming }) => clientStreaming || serverStreaming),
    ).toEqual([]);
  });

  it.skipIf(seed === undefined)('is documented as the facts kept here say', () => {
    expect(readSeed(seed ?? '', packageName)).toEqual(documented);
  });
});
