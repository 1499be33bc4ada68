import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** A pull without progress for this long is given up. */
const pullStallMs = 100;

function json(status: number, body: unknown): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-docker-runtime-'));
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  const { port } = engine.address() as AddressInfo;
  const imageAuthFile = join(directory, 'config.json');
  const auths = { 'https://r.test/v1/': { auth: Buffer.from('ann:secret').toString('base64') } };
  await writeFile(imageAuthFile, JSON.stringify({ auths }));
  const dockerHost = `tcp://127.0.0.1:${port}`;
  runtime = new DockerRuntime({ cell: 'c', agentId: 'a', dockerHost, imageAuthFile, pullStallMs });
});

afterEach(async () => {
  vi.useRealTimers();
  answers.clear();
  await runtime.close();
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
  await rm(directory, { recursive: true });
});

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

  it('sends the credentials of the file to the engine', async () => {
    const sent: unknown[] = [];
    answers.set('POST /images/create', (response, request) => {
      const header = String(request.headers['x-registry-auth'] ?? '');
      sent.push(header === '' ? undefined : JSON.parse(Buffer.from(header, 'base64').toString()));
      response.end('{"status":"Status: Downloaded newer image"}\r\n');
    });
    expect(await runtime.ensureImage('r.test/team/app:1')).toBe('r.test/team/app:1');
    expect(await runtime.ensureImage('other.test/app:1')).toBe('other.test/app:1');
    const ann = { username: 'ann', password: 'secret', serveraddress: 'r.test' };
    expect(sent).toEqual([ann, undefined]);
  });

  it('that is refused names the registry, the file of credentials and the status', async () => {
    const message = 'Get "https://other.test/v2/": unauthorized: authentication required';
    answers.set('POST /images/create', json(404, { message }));
    const file = join(directory, 'config.json');
    await expect(runtime.ensureImage('other.test/app:1')).rejects.toMatchObject({
      kind: 'invalid',
      fault: 'image',
      message:
        `the image other.test/app:1 cannot be pulled: ${message} ` +
        `(registry other.test; engine's status 404; ${file} has no credentials for it)`,
    });
  });

  /** A line of the engine about the one layer of the image. */
  const progressLine = (current: number, total: number) =>
    `${JSON.stringify({ id: 'a', status: 'Downloading', progressDetail: { current, total } })}\r\n`;

  it('goes on as long as something arrives', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const sizes = Array.from({ length: 10 }, (_, index) => index + 1);
    const left = [...sizes];
    let sendNext = () => {};
    answers.set('POST /images/create', (response) => {
      sendNext = () => {
        const size = left.shift();
        if (size === undefined) response.end();
        else response.write(progressLine(size, 10));
      };
      sendNext();
    });
    const seen: number[] = [];
    const onProgress = ({ doneBytes }: { doneBytes: number }) => {
      seen.push(doneBytes);
      vi.advanceTimersByTime(0.9 * pullStallMs);
      sendNext();
    };
    expect(await runtime.ensureImage('r.test/app:1', { onProgress })).toBe('r.test/app:1');
    expect(seen).toEqual(sizes);
  });

  it('without progress is given up, and its request is ended', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const line = progressLine(12_000_000, 80_000_000);
    const ended = new Promise<void>((resolve) => {
      answers.set('POST /images/create', (response) => {
        // The same line again is no progress.
        response.write(line + line);
        response.on('close', resolve);
      });
    });
    const onProgress = () => {
      vi.advanceTimersByTime(0.9 * pullStallMs);
      // The second line has been read by then.
      setImmediate(() => vi.advanceTimersByTime(0.1 * pullStallMs));
    };
    await expect(runtime.ensureImage('r.test/app:1', { onProgress })).rejects.toMatchObject({
      kind: 'failed',
      fault: 'transfer',
      message: expect.stringMatching(/no progress for 0 s; 12 of 80 MB had arrived/),
    });
    await ended;
  });

  it('that nobody wants any more ends its request', async () => {
    const abort = new AbortController();
    const ended = new Promise<void>((resolve) => {
      answers.set('POST /images/create', (response) => {
        response.write(progressLine(1, 10));
        response.on('close', resolve);
      });
    });
    const options = { signal: abort.signal, onProgress: () => abort.abort() };
    await expect(runtime.ensureImage('r.test/app:1', options)).rejects.toThrow();
    await ended;
  });
});

describe('a container', () => {
  it('is not adopted while only its name exists. So the agent tries again later', async () => {
    answers.set('POST /containers/create', json(409, { message: 'the name is in use' }));
    await expect(runtime.create(spec)).rejects.toMatchObject({ kind: 'unavailable' });
    const labels = { 'berth.cell': 'c', 'berth.agent': 'a' };
    const info = { Config: { Labels: labels }, State: { Status: 'created' } };
    answers.set('GET /containers/j.0-0/json', json(200, info));
    expect(await runtime.create(spec)).toEqual({ adopted: true });
  });
});

describe('an engine without an init program', () => {
  it('gets containers without one', async () => {
    const bodies: string[] = [];
    answers.set('POST /containers/create', (response, request) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        bodies.push(body);
        const lacksInit = body.includes('"Init":true');
        const message = 'container-init binary not found on the host: exec: "catatonit": not found in $PATH';
        if (lacksInit) json(500, { message })(response, request);
        else json(201, { Id: 'x' })(response, request);
      });
    });
    expect(await runtime.create(spec)).toEqual({ adopted: false });
    expect(await runtime.create({ ...spec, name: 'j.1-0' })).toEqual({ adopted: false });
    expect(bodies).toHaveLength(3);
  });
});

describe('a container in an unknown state', () => {
  const labels = { 'berth.cell': 'c', 'berth.agent': 'a', 'berth.task': 'j.0-0' };

  it('is an error, and never counts as running', async () => {
    const info = { Config: { Labels: labels }, State: { Status: 'quantum' } };
    answers.set('GET /containers/j.0-0/json', json(200, info));
    answers.set(
      'GET /containers/json',
      json(200, [{ Id: 'x', Labels: labels, State: 'quantum', Ports: [] }]),
    );
    await expect(runtime.inspect('j.0-0')).rejects.toMatchObject({ kind: 'failed' });
    expect(await runtime.list()).toEqual([]);
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
