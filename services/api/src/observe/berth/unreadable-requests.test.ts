import {
  ObserveServiceService as methods,
  ObserveRequest,
  ObserveRequest_Subscription,
} from '@berth/shared/gen/berth/v1/observe_service';
import { systemClock } from '@berth/shared/process/clock';
import { MemoryStore } from '@berth/store/memory';
import { Client, credentials, type StatusObject, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunningGateway } from '../../testing/running-gateway.js';

let store: MemoryStore;
let gateway: RunningGateway;

beforeEach(async () => {
  store = new MemoryStore({ clock: systemClock });
  gateway = await RunningGateway.start(store);
});
afterEach(async () => {
  await gateway.close();
  await store.close();
});

function subscriptionTo(filteringCriteria: Record<string, string>): Buffer {
  const value = { ...ObserveRequest_Subscription.fromPartial({}), filteringCriteria };
  return Buffer.from(ObserveRequest.encode({ request: { $case: 'subscription', value } }).finish());
}

/** Sends these bytes as requests of one call, and resolves to the status that it ends with. */
async function endOf(...requests: readonly Buffer[]): Promise<StatusObject> {
  const client = new Client(`127.0.0.1:${gateway.gateway.grpcPort}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    methods.observe.path,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  call.on('error', () => {});
  call.resume();
  for (const request of requests) call.write(request);
  const end = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
  client.close();
  return end;
}

const garbage = Buffer.from([0xff, 0xff]);
const withLostKey = (() => {
  const criteria = {};
  Object.defineProperty(criteria, '__proto__', { value: 'x', enumerable: true });
  return subscriptionTo(criteria);
})();

describe('Observe', () => {
  it.each([
    { name: 'the first request', requests: [garbage], why: 'its bytes are no message of the type' },
    {
      name: 'a later one',
      requests: [subscriptionTo({}), garbage],
      why: 'its bytes are no message of the type',
    },
    { name: 'a key', requests: [withLostKey], why: 'no key may be named __proto__' },
  ])('blames the caller for an unreadable request: $name', async ({ requests, why }) => {
    const { code, details } = await endOf(...requests);
    expect(details).toContain(why);
    expect(code).toBe(status.INVALID_ARGUMENT);
  });
});
