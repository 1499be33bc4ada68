import { describe, expect, it } from 'vitest';
import { loadDescriptors } from '../builtin/descriptors.js';
import { accessOf } from './access-table.js';

const ownPackages = ['berth.v1', 'job.v1', 'netflix.titus'];
const methods = [...loadDescriptors()].flatMap((type) =>
  type.kind === 'service' && ownPackages.includes(type.file.proto.package)
    ? type.methods.map((method) => ({ method, path: `/${type.typeName}/${method.name}` }))
    : [],
);

describe('the table of RPCs', () => {
  it('has a row for every method of every service of Berth', () => {
    expect(methods.length).toBeGreaterThan(40);
    expect(methods.filter(({ path }) => !hasRow(path)).map(({ path }) => path)).toEqual([]);
  });

  it('charges every write, no read and no stream', () => {
    for (const { method, path } of methods) {
      const { verb, cost } = accessOf(path);
      expect({ path, isFree: cost === 'none' }).toEqual({ path, isFree: ['read', 'observe'].includes(verb) });
      expect({ path, isObserved: verb === 'observe' }).toEqual({
        path,
        isObserved: method.methodKind !== 'unary',
      });
    }
  });

  it('finds the ids in the request of every write that is charged for each of them', () => {
    const each = methods.filter(({ path }) => accessOf(path).cost === 'each-id');
    for (const { method } of each) expect(method.input.field.id?.fieldKind).toBe('list');
  });

  it('refuses a path that it does not have', () => {
    expect(() => accessOf('/berth.v1.AgentService/Explode')).toThrow(
      '/berth.v1.AgentService/Explode has no row',
    );
  });
});

function hasRow(path: string): boolean {
  try {
    return accessOf(path) !== undefined;
  } catch {
    return false;
  }
}
