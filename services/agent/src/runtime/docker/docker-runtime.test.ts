import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ContainerSpec } from '../../core/container-spec.js';
import { DockerRuntime } from './docker-runtime.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** The engine's answers, by the beginning of `METHOD PATH`. It does not know other requests. */
const answers = new Map<string, Answer>();
const engine = createServer((request, response) => {
  const asked = `${request.method} ${request.url}`;
  const answer = [...answers].find(([begins]) => asked.startsWith(begins))?.[1];
  request.resume();
  if (answer === undefined) json(404, { message: `there is no ${asked}` })(response, request);
  else answer(response, request);
});
let runtime: DockerRuntime;

function json(status: number, body: unknown): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
}

beforeEach(async () => {
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  const { port } = engine.address() as AddressInfo;
  runtime = new DockerRuntime({ cell: 'c', agentId: 'a', dockerHost: `tcp://127.0.0.1:${port}` });
});

afterEach(async () => {
  vi.useRealTimers();
  answers.clear();
  await runtime.close();
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
});

describe('a pull', () => {
  it('fails if the engine says so in the middle', async () => {
    answers.set('POST /images/create', (response) => {
      response.write('{"status":"Pulling from library/x"}\r\n');
      const message = 'write /layer.tar: no space left on device';
      response.end(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
    });
    await expect(runtime.ensureImage('x:1')).rejects.toMatchObject({
      kind: 'failed',
      message: 'the image x:1 cannot be pulled: write /layer.tar: no space left on device',
    });
  });
});

describe('a container', () => {
  const spec: ContainerSpec = {
    name: 'j.0-0',
    image: 'x:1',
    entryPoint: [],
    command: [],
    env: {},
    labels: {},
    cpuMillis: 0,
    memoryMb: 0,
    network: 'none',
    ports: [],
    portBind: '127.0.0.1',
    init: true,
  };

  it('is not adopted while only its name exists. So the agent tries again later', async () => {
    answers.set('POST /containers/create', json(409, { message: 'the name is in use' }));
    await expect(runtime.create(spec)).rejects.toMatchObject({ kind: 'unavailable' });
    const labels = { 'berth.cell': 'c', 'berth.agent': 'a' };
    const info = { Config: { Labels: labels }, State: { Status: 'created' } };
    answers.set('GET /containers/j.0-0/json', json(200, info));
    expect(await runtime.create(spec)).toEqual({ adopted: true });
  });
});

describe('a call', () => {
  /** Lets the time limits of calls pass after the engine has got the request. */
  async function afterLongTime<T>(begins: string, answer: Answer, call: () => Promise<T>) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asked = new Promise<void>((resolve) =>
      answers.set(begins, (response, request) => {
        answer(response, request);
        resolve();
      }),
    );
    const outcome = call().then(
      () => 'answered',
      (error: unknown) => error,
    );
    await asked;
    // The engine's answer arrives meanwhile.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(10 * 60_000);
    return outcome;
  }

  it('ends in time if the engine does not say that it has an image', async () => {
    const outcome = await afterLongTime(
      'GET /images/',
      () => {},
      () => runtime.ensureImage('x:1'),
    );
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringMatching(/did not answer/) });
  });

  it('ends in time if the engine goes away in the middle of its answer', async () => {
    const cutOff: Answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[{"Id":"1",', () => response.destroy());
    };
    const outcome = await afterLongTime('GET /containers/json', cutOff, () => runtime.list());
    expect(outcome).toMatchObject({ name: 'RuntimeError' });
  });
});
