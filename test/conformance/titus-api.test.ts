import { describe, expect, it } from 'vitest';
import { type DescribedField, describeFile } from './descriptor-facts.js';
import { keptFacts, readSeed, seedDocument } from './seeds.js';

const packageName = 'netflix.titus';
const documented = keptFacts(packageName);
const described = describeFile('netflix/titus/titus_job_api.proto');
const seed = seedDocument('titus-job-management-api.md');

/** Names each field that the filter picks, as `Message.field`. */
function fieldsWhere(filter: (field: DescribedField) => boolean): string[] {
  return [...described.messages].flatMap(([message, fields]) =>
    fields.filter(filter).map(({ name }) => `${message.slice(packageName.length + 1)}.${name}`),
  );
}

describe('the job management API', () => {
  it('has every documented message, and no other', () => {
    expect([...described.messages.keys()].sort()).toEqual(Object.keys(documented.messages).sort());
  });

  it.each(Object.entries(documented.messages))(
    'has the documented fields of %s, numbered in the order of its table',
    (name, fields) => {
      const actual = described.messages.get(name)?.map(({ number, type, isRepeated, ...field }) => ({
        name: field.name,
        number,
        type,
        label: isRepeated ? 'repeated' : 'optional',
      }));
      expect(actual).toEqual(
        fields.map(([field, type, label], index) => ({ name: field, number: index + 1, type, label })),
      );
    },
  );

  it('has its entries as maps', () => {
    const entries = Object.keys(documented.messages).filter((name) => name.endsWith('Entry'));
    expect([...described.mapEntries].sort()).toEqual(entries.sort());
  });

  it('has every documented enum with its values, and no other', () => {
    expect(Object.fromEntries(described.enums)).toEqual(documented.enums);
  });

  it('has every documented method with its request and response, and no other', () => {
    const methods = [...described.services].map(([service, all]) => [
      service,
      all.map(({ name, request, response }) => [name, request, response]),
    ]);
    expect(Object.fromEntries(methods)).toEqual(documented.services);
  });

  it('streams the answers of the Observe methods, and nothing else', () => {
    const methods = [...described.services.values()].flat();
    expect(methods.filter(({ clientStreaming }) => clientStreaming)).toEqual([]);
    expect(methods.filter(({ serverStreaming }) => serverStreaming).map(({ name }) => name)).toEqual([
      'ObserveJobCluster',
      'ObserveJobClusters',
      'ObserveJob',
      'ObserveJobs',
    ]);
  });

  it('has presence for exactly the scalars with a meaningful absence', () => {
    expect(fieldsWhere(({ isOptional }) => isOptional).sort()).toEqual([
      'MantisClusterSpec.enabled',
      'MantisClusterSpec.max',
      'MantisJobSpec.subscriptionTimeoutSecs',
      'ServiceJobSpec.enabled',
      'TaskInstances.desired',
      'TaskInstances.max',
      'TaskInstances.min',
    ]);
  });

  it('has a job of one kind only, and one notification in each message of a stream', () => {
    const oneofs = [...described.messages].flatMap(([message, fields]) => {
      const names = [...new Set(fields.flatMap(({ oneof }) => oneof ?? []))];
      return names.map((oneof) => [
        message,
        oneof,
        fields.filter((field) => field.oneof === oneof).map(({ name }) => name),
      ]);
    });
    expect(oneofs).toEqual([
      [`${packageName}.JobChangeNotification`, 'notification', documentedNames('JobChangeNotification')],
      [`${packageName}.JobClusterDescriptor`, 'clusterSpec', ['batch', 'service', 'mantis']],
      [`${packageName}.JobClusterNotification`, 'notification', documentedNames('JobClusterNotification')],
      [`${packageName}.JobDescriptor`, 'jobSpec', ['batch', 'service', 'mantis']],
    ]);
  });

  it.skipIf(seed === undefined)('is documented as the facts kept here say', () => {
    expect(readSeed(seed ?? '', packageName)).toEqual(documented);
  });
});

function documentedNames(message: string): readonly string[] {
  return documented.messages[`${packageName}.${message}`]?.map(([name]) => name) ?? [];
}

describe('the API beyond the published pages', () => {
  const base = describeFile('netflix/titus/titus_base.proto');

  it('has the designed field numbers', () => {
    const numbered = [...base.messages].map(([name, fields]) => [
      name.slice(packageName.length + 1),
      fields.map(({ name: field, type, number }) => `${type} ${field} = ${number}`),
    ]);
    expect(Object.fromEntries(numbered)).toEqual({
      Page: ['int32 pageNumber = 1', 'int32 pageSize = 2'],
      Pagination: [
        'netflix.titus.Page currentPage = 1',
        'bool hasMore = 2',
        'int32 totalPages = 3',
        'int32 totalItems = 4',
      ],
      RetryPolicy: [
        'netflix.titus.RetryPolicy.Immediate immediate = 1',
        'netflix.titus.RetryPolicy.Delayed delayed = 2',
        'netflix.titus.RetryPolicy.ExponentialBackOff exponentialBackOff = 3',
      ],
      'RetryPolicy.Immediate': ['uint32 retries = 1'],
      'RetryPolicy.Delayed': ['uint64 initialDelayMs = 1', 'uint64 delayMs = 2', 'uint32 retries = 3'],
      'RetryPolicy.ExponentialBackOff': [
        'uint64 initialDelayMs = 1',
        'uint64 maxDelayIntervalMs = 2',
        'uint32 retries = 3',
      ],
    });
  });

  it('has a retry policy of one kind only', () => {
    const policies = base.messages.get(`${packageName}.RetryPolicy`) ?? [];
    expect(policies.map(({ oneof }) => oneof)).toEqual(['policy', 'policy', 'policy']);
  });
});
