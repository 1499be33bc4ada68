import { type AddressInfo, Server } from 'node:net';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import { MemoryStore } from '@berth/store/memory';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { codeOf, RunningGateway } from './testing/running-gateway.js';

let store: MemoryStore;
let gateway: RunningGateway;

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store);
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

describe('a gateway', () => {
  it('serves job.v1 on both of its gRPC ports', async () => {
    for (const port of [gateway.gateway.grpcPort, gateway.gateway.jobv1Port]) {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      const { path, requestSerialize, responseDeserialize } = JobServiceService.listRegisteredJobs;
      const call = new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, value) =>
          error ? reject(error) : resolve(value),
        );
      });
      expect(await codeOf(call)).toBe(status.OK);
      client.close();
    }
  });

  it('serves its health and its metrics over HTTP', async () => {
    const url = `http://127.0.0.1:${gateway.gateway.httpPort}`;
    const watcher = gateway.observeJobs();
    await watcher.until(() => watcher.kinds.includes('snapshotEnd'));
    await gateway.create();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/berth_gateway_commits_total\{[^}]*outcome="ok"[^}]*\} 1/);
    expect(metrics).toMatch(/berth_gateway_observe_streams\{[^}]*method="ObserveJobs"[^}]*\} 1/);
    expect(metrics).toMatch(/grpc_server_handled_total\{[^}]*grpc_method="CreateJob"/);
  });

  it('is not ready before it can be called', async () => {
    const listen = Server.prototype.listen;
    const listening: Server[] = [];
    const healthOf = async () => {
      const { port } = (listening[0]?.address() ?? {}) as AddressInfo;
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      return [answer.status, (await answer.text()).trim()];
    };
    const whileItStarts: unknown[] = [];
    const held = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...args) {
      const goOn = () => Reflect.apply(listen, this, args);
      // The HTTP server listens first and serves the health. The test asks it before any other server
      // listens.
      if (listening.push(this) === 1) return goOn();
      void healthOf()
        .then((health) => whileItStarts.push(health))
        .finally(goOn);
      return this;
    });
    const other = await RunningGateway.start(store).finally(() => held.mockRestore());
    const notYet = [503, 'the gRPC servers do not listen yet'];
    expect(whileItStarts).toEqual([notYet, notYet]);
    expect(await healthOf()).toEqual([200, 'ok']);
    await other.close();
  });
});
