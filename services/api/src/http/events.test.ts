import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import type { Write } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aBatchJob } from '../testing/fixtures.js';
import { HttpCaller } from '../testing/http-caller.js';
import { decide, RunningGateway } from '../testing/running-gateway.js';
import { moveWrite, statusWrite, taskWrite } from '../testing/scripted-cell.js';

const batchJob = JobDescriptor.toJSON(aBatchJob());

let store: MemoryStore;
let gateway: RunningGateway;
let http: HttpCaller;
let env: NodeJS.ProcessEnv = {};

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store, env);
  http = new HttpCaller(gateway.gateway.httpPort);
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

async function create(descriptor: unknown = batchJob, headers: Record<string, string> = {}): Promise<string> {
  const answer = await http.send('POST', '/api/v1/jobs', descriptor, headers);
  expect(answer.json).toEqual({ id: expect.any(String) });
  return answer.json.id;
}

describe.each(['on', 'off'])('observing over HTTP, with the tuning %s', (setting) => {
  beforeAll(() => {
    env = { BERTH_API_TUNING: setting };
  });

  it('sends the snapshot, then each change, with revisions as ids', async () => {
    const id = await create();
    const reader = await http.observe('/api/v1/jobs:observe');
    expect(reader.response.headers.get('content-type')).toMatch('text/event-stream');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    expect(reader.events[0]?.data.jobSnapshot.job.id).toBe(id);
    const revision = await decide(store, [taskWrite(`${id}.0-0`)]);
    await reader.until(() => reader.kinds.includes('taskUdate'));
    const last = reader.events.at(-1);
    expect(last?.data.taskUdate.task).toMatchObject({ id: `${id}.0-0` });
    expect(last?.id).toBe(String(revision));
    reader.leave();
  });

  it('sends the same to every reader', async () => {
    const readers = [await http.observe('/api/v1/jobs:observe'), await http.observe('/api/v1/jobs:observe')];
    for (const reader of readers) await reader.until(() => reader.kinds.includes('snapshotEnd'));
    const id = await create();
    for (const reader of readers) {
      await reader.until(() => reader.kinds.includes('jobDefinitionUpdate'));
      expect(reader.events.at(-1)?.data.jobDefinitionUpdate.id).toBe(id);
      reader.leave();
    }
  });

  it('ends the stream of one job with the job', async () => {
    const id = await create();
    const reader = await http.observe(`/api/v1/jobs/${id}:observe`);
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    const task = taskWrite(`${id}.0-0`);
    await decide(store, [task]);
    await decide(store, [moveWrite(task.record, State.FINISHED), statusWrite(id, State.FINISHED, 'normal')]);
    await reader.until(() => reader.hasEnded);
    expect(reader.kinds.slice(-2)).toEqual(['jobFinished', 'end']);
  });

  it('answers an unknown job with an error, not a stream', async () => {
    const answer = await http.get('/api/v1/jobs/nothing:observe');
    expect(answer).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } });
  });

  it('sends a returning reader a snapshot that is at least as new as its last event', async () => {
    const coming = http.observe('/api/v1/jobs:observe', { 'last-event-id': '2' });
    await create();
    const id = await create();
    const reader = await coming;
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    const known = reader.events.flatMap(({ data }) => data.jobSnapshot?.job.id ?? []);
    expect(known).toContain(id);
    reader.leave();
  });

  it('sends the current snapshot to a reader from a lost history', async () => {
    const reader = await http.observe('/api/v1/jobs:observe', { 'last-event-id': '999999' });
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    reader.leave();
  });

  it('holds messages back for a slow reader, and finally sends it every end', async () => {
    const id = await create();
    const slow = await SlowReader.open(gateway.gateway.httpPort, '/api/v1/jobs:observe');
    const count = await flood(id);
    expect(await pendingChanges()).toBeGreaterThan(0);
    const ends = new Set<string>();
    await slow.readUntil('event: jobFinished', (line) => {
      const { task } = line.startsWith('data: {"taskUdate"') ? JSON.parse(line.slice(6)).taskUdate : {};
      if (task?.state.state === 'FINISHED') ends.add(task.id);
    });
    expect(ends.size).toBe(count);
    slow.leave();
  });

  it('lets the gateway close while a reader reads nothing', async () => {
    const slow = await SlowReader.open(gateway.gateway.httpPort, '/api/v1/jobs:observe');
    await flood(await create());
    await gateway.gateway.close();
    slow.leave();
  });

  it('observes clusters', async () => {
    const id = await create();
    const reader = await http.observe('/api/v1/clusters/default:observe');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    expect(reader.events[0]?.data.jobClusterSnapshot.jobIds).toEqual([id]);
    reader.leave();
  });

  it('leaves nothing behind when its reader goes', async () => {
    const reader = await http.observe('/api/v1/jobs:observe');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    expect(await openStreams()).toBe(true);
    reader.leave();
    await expect.poll(openStreams).toBe(false);
  });

  it('ends with an error event when the gateway closes', async () => {
    const reader = await http.observe('/api/v1/jobs:observe');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    await gateway.gateway.close();
    await reader.until(() => reader.hasEnded);
    expect(reader.events.at(-1)).toMatchObject({ event: 'error', data: { code: 'UNAVAILABLE' } });
  });
});

describe.each(['on', 'off'])('observing the whole cell over HTTP, with the tuning %s', (setting) => {
  beforeAll(() => {
    env = { BERTH_API_TUNING: setting };
  });

  it('resumes after the last event that the reader has seen', async () => {
    const id = await create();
    const reader = await http.observe('/api/v1/cell:observe?kinds=JOB,TASK');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    const seen = reader.events.at(-1)?.id ?? '';
    reader.leave();
    expect(seen).toMatch(/^\d+:.+/);
    await decide(store, [taskWrite(`${id}.0-0`)]);
    for (const from of [seen, seen.split(':')[0] ?? '']) {
      const again = await http.observe('/api/v1/cell:observe?kinds=JOB,TASK', { 'last-event-id': from });
      await again.until(() => again.kinds.includes('bookmark'));
      expect(again.kinds).toEqual(['commits', 'bookmark']);
      expect(again.events[0]?.data.commits.commits[0].changes[0].task.id).toBe(`${id}.0-0`);
      again.leave();
    }
  });

  it('sends a reset and a snapshot if it cannot resume', async () => {
    await create();
    const reader = await http.observe('/api/v1/cell:observe?resumeFrom=1:another-history');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    expect(reader.kinds[0]).toBe('reset');
    reader.leave();
  });

  it('has positions only in events that complete a revision', async () => {
    const reader = await http.observe('/api/v1/cell:observe?kinds=OBSERVED_KIND_JOB&owner=ada@example.org');
    await reader.until(() => reader.kinds.includes('snapshotEnd'));
    await create();
    await reader.until(() => reader.kinds.includes('commits'));
    expect(reader.events.map(({ event, id }) => [event, id !== undefined])).toEqual([
      ['snapshotEnd', true],
      ['commits', true],
    ]);
    reader.leave();
  });

  it('refuses unknown parameters', async () => {
    const kind = await http.get('/api/v1/cell:observe?kinds=PLANET');
    expect(kind.json.violations[0].field).toBe('query kinds');
    expect((await http.get('/api/v1/cell:observe?colour=red')).status).toBe(400);
    expect((await http.get('/api/v1/cell:observe?resumeFrom=yesterday')).status).toBe(400);
  });
});

async function openStreams(): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/metrics`);
  return /observe_streams\{[^}]*method="ObserveJobs"[^}]*\} 1/.test(await response.text());
}

/** Runs a job of many large tasks to its end. Resolves with their number. */
async function flood(id: string): Promise<number> {
  const tasks = Array.from({ length: 1_000 }, (_, index) => withNote(taskWrite(`${id}.${index}-0`).record));
  const inParts = async (write: (record: TaskRecord) => Write) => {
    for (let from = 0; from < tasks.length; from += 200)
      await decide(store, tasks.slice(from, from + 200).map(write));
  };
  await inParts((record) => ({ kind: 'task', id: taskIdOf(record), record }));
  await inParts((record) => moveWrite(record, State.RUNNING));
  await inParts((record) => moveWrite(record, State.FINISHED));
  await decide(store, [statusWrite(id, State.FINISHED, 'normal')]);
  return tasks.length;
}

/** Large enough that a few of them fill a connection's buffers. */
function withNote(record: TaskRecord): TaskRecord {
  const { task } = record;
  if (task === undefined) return record;
  return { ...record, task: { ...task, taskContext: { ...task.taskContext, note: 'x'.repeat(5_000) } } };
}

async function pendingChanges(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/metrics`);
  return Number(/pending_changes\{[^}]*\} (\d+)/.exec(await response.text())?.[1] ?? 0);
}

/** A reader that takes nothing from its connection until the test reads. */
class SlowReader {
  readonly #socket: Socket;

  static async open(port: number, path: string): Promise<SlowReader> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await once(socket, 'data');
    socket.pause();
    return new SlowReader(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Reads lines until this one. */
  async readUntil(last: string, take: (line: string) => void): Promise<void> {
    for await (const line of createInterface(this.#socket)) {
      if (line === last) return;
      take(line);
    }
    throw new Error(`the stream has ended without ${last}`);
  }

  leave(): void {
    this.#socket.destroy();
  }
}
