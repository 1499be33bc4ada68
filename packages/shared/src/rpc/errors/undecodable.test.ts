import { describe, expect, it } from 'vitest';
import { JobDescriptor, JobManagementServiceService } from '../../gen/netflix/titus/titus_job_api.js';
import { tolerant, Undecodable } from './undecodable.js';

const { createJob } = tolerant(JobManagementServiceService);

function read(descriptor: JobDescriptor): unknown {
  return createJob?.requestDeserialize(Buffer.from(JobDescriptor.encode(descriptor).finish()));
}

function withKey(key: string): JobDescriptor {
  const descriptor = JobDescriptor.fromPartial({ appName: 'web', labels: { team: 'a' } });
  const value = { value: 'x', enumerable: true, configurable: true, writable: true };
  Object.defineProperty(descriptor.labels, key, value);
  return descriptor;
}

describe('a request', () => {
  it('is read if it is valid', () => {
    expect(read(withKey('stack'))).toEqual(withKey('stack'));
  });

  it('is the sender’s fault if its bytes are no message', () => {
    const request = createJob?.requestDeserialize(Buffer.from([0xff, 0xff]));
    expect(request).toBeInstanceOf(Undecodable);
    expect((request as Undecodable).toError()).toMatchObject({ code: 'invalidArgument' });
  });

  it('is refused if a number is greater than any field takes', () => {
    // batch { runtimeLimitSecs: 2^64 - 1 }
    const bytes = JobDescriptor.encode(
      JobDescriptor.fromPartial({ jobSpec: { $case: 'batch', value: { runtimeLimitSecs: 1 } } }),
    ).finish();
    const max = [...Array.from({ length: 9 }, () => 0xff), 0x01];
    const [tag = 0, length = 0, field = 0] = bytes.slice(-4);
    const request = createJob?.requestDeserialize(Buffer.from([tag, length + max.length - 1, field, ...max]));
    expect((request as Undecodable).toError()).toMatchObject({
      code: 'invalidArgument',
      message: 'The request is not valid: it holds a number above 9007199254740991, which no field takes.',
    });
  });

  it('is refused with the name of a key that would be lost', () => {
    const request = read(withKey('__proto__'));
    expect(request).toBeInstanceOf(Undecodable);
    expect((request as Undecodable).toError()).toMatchObject({
      code: 'invalidArgument',
      message: 'The request is not valid: no key may be named __proto__.',
    });
  });

  it('may contain that name in other fields', () => {
    const descriptor = JobDescriptor.fromPartial({ appName: '__proto__', labels: { team: '__proto__' } });
    expect(read(descriptor)).toEqual(descriptor);
  });
});
