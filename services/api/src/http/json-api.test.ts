import { AgentServiceService } from '@berth/shared/gen/berth/v1/agent_service';
import { ScalingServiceService } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import {
  Job,
  JobDescriptor,
  JobManagementServiceService as methods,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aBatchJob, aServiceJob } from '../testing/fixtures.js';
import { type HttpAnswer, HttpCaller } from '../testing/http-caller.js';
import { codeOf, decide, RunningGateway } from '../testing/running-gateway.js';
import { statusWrite, taskWrite } from '../testing/scripted-cell.js';
import { requestType } from './descriptors.js';
import { requestMessage } from './request-message.js';
import { maxBodyBytes } from './request-parts.js';
import { paramsOf } from './router.js';
import { routes } from './routes.js';

const served = {
  ...methods,
  ...JobServiceService,
  ...AgentServiceService,
  ...ScalingServiceService,
  ...ScheduleServiceService,
  ...StageServiceService,
};
const batchJob = JobDescriptor.toJSON(aBatchJob());
const serviceJob = JobDescriptor.toJSON(aServiceJob());

let store: MemoryStore;
let gateway: RunningGateway;
let http: HttpCaller;

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store);
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

describe('the JSON API', () => {
  it('creates a job that gRPC finds, and finds it just as gRPC does', async () => {
    const created = await http.send('POST', '/api/v1/jobs', batchJob);
    expect(created.status).toBe(201);
    const job = await gateway.find(created.json.id);
    const found = await http.get(`/api/v1/jobs/${created.json.id}`);
    expect(found.json).toEqual(JSON.parse(JSON.stringify(Job.toJSON(job))));
    expect(found.headers.get('content-type')).toMatch('application/json');
  });

  it('sends the revision of its answers, and reads at least at the requested one', async () => {
    const created = await http.send('POST', '/api/v1/jobs', batchJob);
    const revision = created.headers.get('berth-revision');
    expect(revision).toMatch(/^[1-9]\d*$/);
    const found = await http.get('/api/v1/jobs', { 'berth-min-revision': String(revision) });
    expect(found.json.pagination.totalItems).toBe(1);
    const wrong = await http.get('/api/v1/jobs', { 'berth-min-revision': 'yesterday' });
    expect(wrong).toMatchObject({ status: 400, json: { code: 'INVALID_ARGUMENT' } });
  });

  it('ends a call at the deadline that its caller sets', async () => {
    const late = await http.get('/api/v1/jobs', { 'berth-min-revision': '9999', 'berth-timeout-ms': '30' });
    expect(late).toMatchObject({ status: 504, json: { code: 'DEADLINE_EXCEEDED' } });
    const wrong = await http.get('/api/v1/jobs', { 'berth-timeout-ms': 'soon' });
    expect(wrong.json.violations[0].field).toBe('header berth-timeout-ms');
  });

  it('knows the caller by its headers', async () => {
    const { owner: _, ...unowned } = batchJob as { owner: unknown };
    const caller = { 'berth-caller-id': 'ada', 'berth-caller-email': 'ada@example.org' };
    const job = await gateway.find(await create(unowned, caller));
    expect(job.jobDescriptor?.owner?.ownerEmail).toBe('ada@example.org');
    const refused = await http.send('POST', '/api/v1/jobs', unowned);
    expect(refused.json.violations).toEqual([{ field: 'owner', description: expect.any(String) }]);
  });

  it('creates one job for two requests with one idempotency key', async () => {
    const key = { 'idempotency-key': 'k1' };
    expect(await create(batchJob, key)).toBe(await create(batchJob, key));
    expect((await http.get('/api/v1/jobs')).json.items).toHaveLength(1);
  });

  it('refuses unknown fields and values of the wrong kind, each by its path', async () => {
    const wrong = {
      ...(batchJob as object),
      colour: 'red',
      containers: { main: { image: { nmae: 'busybox' }, command: 'ls', env: { A: 1 } } },
      batch: { instances: { desired: -1 }, retryPolicy: { immediate: {}, delayed: {} } },
    };
    const { status: code, json } = await http.send('POST', '/api/v1/jobs', wrong);
    expect(code).toBe(400);
    expect(json.violations.map(({ field }: { field: string }) => field)).toEqual(
      [
        'containers["main"].image.nmae',
        'containers["main"].command',
        'containers["main"].env["A"]',
        'batch.instances.desired',
        'batch.retryPolicy',
        'colour',
      ].sort((a, b) => order(wrong, a) - order(wrong, b)),
    );
  });

  it('pages, selects and projects lists by query parameters', async () => {
    const ids = [await create(), await create(), await create(serviceJob)];
    const page = await http.get('/api/v1/jobs?pageSize=1&pageNumber=1&fields=id&jobType=batch');
    expect(page.json.items).toMatchObject([{ id: ids[1] }]);
    expect(page.json.items[0].jobDescriptor?.containers).toBeUndefined();
    expect(page.json.pagination).toMatchObject({ totalItems: 2, totalPages: 2 });
    const unknown = await http.get('/api/v1/jobs?colour=red&pageSize=many');
    expect(unknown.status).toBe(400);
    const criterion = await http.get('/api/v1/jobs?colour=red');
    expect(criterion.json.violations[0].field).toBe('query colour');
  });

  it('names all violations of a list query, by its parameters', async () => {
    const cursor = { 'berth-cursor': 'no cursor' };
    const query = 'jobState=RUNNNING&ownr=ada&pageSize=x&pageNumber=-1&fields=id,foo&__proto__=1';
    const fieldsOf = ({ status: code, json }: HttpAnswer) => [
      code,
      ...json.violations.map(({ field }: { field: string }) => field),
    ];
    const wrong = ['query jobState', 'query ownr', 'query __proto__', 'query fields', 'header berth-cursor'];
    for (const path of ['/api/v1/jobs', '/api/v1/jobs/nothing/tasks']) {
      const answer = await http.get(`${path}?${query}`, cursor);
      expect(fieldsOf(answer)).toEqual([400, 'query pageSize', ...wrong, 'query pageNumber']);
      expect(answer.json.message).toContain('query pageSize: is "x", but must be a whole number');
    }
    const clusters = await http.get('/api/v1/clusters?enabled=perhaps&pageSize=0&fields=foo');
    expect(fieldsOf(clusters)).toEqual([400, 'query enabled', 'query fields', 'query pageSize']);
    const drained = await http.get(`/api/v1/jobs/${await create()}/tasks?needsMigration=true&pageNumber=0`);
    expect(drained.status).toBe(200);
  });

  it('names all violations of a subscription, by its parameters', async () => {
    const query = 'kinds=JOB,PLANET&jobFields=foo&taskFields=bar&ownr=ada&resumeFrom=yesterday';
    const { status: code, json } = await http.get(`/api/v1/cell:observe?${query}`);
    const fields = json.violations.map(({ field }: { field: string }) => field);
    expect([code, ...fields.sort()]).toEqual([
      400,
      ...['query jobFields', 'query kinds', 'query ownr', 'query resumeFrom', 'query taskFields'],
    ]);
    expect(json.message).toContain(
      '"PLANET" is none of CLUSTER, JOB, JOB_STATUS, TASK, AGENT, AGENT_STATUS,',
    );
    const seen = await http.get('/api/v1/cell:observe', { 'last-event-id': 'yesterday' });
    expect(seen.json.violations).toMatchObject([{ field: 'header last-event-id' }]);
  });

  it('changes and kills jobs and tasks', async () => {
    const id = await create(serviceJob);
    await decide(store, [taskWrite(`${id}.0-0`), statusWrite(id, State.RUNNING, '')]);
    expect((await http.get(`/api/v1/jobs/${id}/tasks`)).json.items[0].id).toBe(`${id}.0-0`);
    expect((await http.get(`/api/v1/tasks/${id}.0-0`)).json.id).toBe(`${id}.0-0`);
    const scaled = await http.send('PUT', `/api/v1/jobs/${id}/instances`, { desired: 3, max: 5 });
    expect(scaled).toMatchObject({ status: 200, json: {} });
    expect((await gateway.find(id)).jobDescriptor?.jobSpec).toMatchObject({
      value: { instances: { desired: 3, max: 5 } },
    });
    expect((await http.send('PUT', `/api/v1/jobs/${id}/status`, { enableStatus: false })).status).toBe(200);
    expect((await http.send('DELETE', `/api/v1/tasks/${id}.0-0`)).status).toBe(200);
    expect((await http.send('DELETE', `/api/v1/jobs/${id}`)).status).toBe(200);
  });

  it('reports each failure of a call for several ids', async () => {
    const id = await create();
    const { status: code, json } = await http.send('POST', '/api/v1/jobs:kill', { id: [id, 'nothing'] });
    expect([code, json.failures]).toEqual([
      404,
      [{ id: 'nothing', code: 'NOT_FOUND', message: expect.any(String) }],
    ]);
    expect(json.requestId).toEqual(expect.any(String));
  });

  it('tells a caller that exceeds its rate the time to retry', async () => {
    const strict = await RunningGateway.start(store, {
      BERTH_API_WRITE_RATE: '0.1',
      BERTH_API_WRITE_BURST: '1',
    });
    const limited = new HttpCaller(strict.gateway.httpPort);
    await limited.send('POST', '/api/v1/jobs', batchJob);
    const second = await limited.send('POST', '/api/v1/jobs', batchJob);
    expect(second).toMatchObject({ status: 429, json: { code: 'RESOURCE_EXHAUSTED' } });
    expect(Number(second.headers.get('retry-after'))).toBe(Math.ceil(second.json.retryAfterMs / 1000));
    await strict.close();
  });

  it('goes from page to page by the cursor', async () => {
    const ids = [await create(), await create(), await create()];
    const first = await http.get('/api/v1/jobs?pageSize=2&fields=id');
    const cursor = first.headers.get('berth-cursor') ?? '';
    const second = await http.get('/api/v1/jobs?pageSize=2&fields=id', { 'berth-cursor': cursor });
    const seen = [...first.json.items, ...second.json.items].map(({ id }) => id);
    expect([seen, second.headers.get('berth-cursor')]).toEqual([ids, null]);
  });

  it('refuses a body that contradicts its path', async () => {
    const body = { id: 'another', enableStatus: true };
    const { json } = await http.send('PUT', '/api/v1/jobs/one/status', body);
    expect(json.violations).toEqual([{ field: 'id', description: 'is not "one", which the path names' }]);
  });

  it('lists kinds, schedules them, and finds and cancels their instances', async () => {
    const jobDescriptor = { containers: { main: { image: { name: 'busybox:1' }, command: ['send'] } } };
    const owner = { ownerEmail: 'ada@example.org', teamEmail: 'ada@example.org' };
    await http.send('POST', '/api/v1/clusters', { name: 'e-mail', owner, batch: {}, jobDescriptor });
    const { json: listed } = await http.get('/api/v1/kinds');
    expect(listed.jobs).toMatchObject([
      { kind: 'e-mail', registeredAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
    const ada = { 'berth-caller-email': 'ada@example.org' };
    const request = { arguments: ['to', 'bob'], priority: 1 };
    const made = await http.send('POST', '/api/v1/kinds/e-mail:schedule', request, ada);
    expect([made.status, made.json.instance]).toMatchObject([
      201,
      { state: 'JOB_STATE_CREATED', kind: 'e-mail' },
    ]);
    const { uuid } = made.json.instance;
    const found = async (query: string) =>
      (await http.get(`/api/v1/instances?${query}`)).json.instances?.map(
        (each: { uuid: string }) => each.uuid,
      ) ?? [];
    expect(await found('kind=e-mail&state=CREATED,JOB_STATE_PROCESSING')).toEqual([uuid]);
    expect(await found('state=completed')).toEqual([]);
    const refused = await http.get('/api/v1/instances?state=DONE&moon=1');
    expect(refused.json.violations.map(({ field }: { field: string }) => field)).toEqual([
      'query moon',
      'query state',
    ]);
    expect((await http.send('POST', '/api/v1/instances:cancel', {})).json.code).toBe('INVALID_ARGUMENT');
    const { json } = await http.send('POST', '/api/v1/instances:cancel', { uuid });
    expect(json.instances).toMatchObject([{ uuid, state: 'JOB_STATE_CANCELLED' }]);
  });

  it('answers every unary route with the status that gRPC gives the same request', async () => {
    for (const route of routes.filter(({ isStream }) => !isStream)) {
      const names = paramsOf(route.path);
      const partOf = (name: string) => (name === 'stage' ? '1' : 'nothing');
      const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => partOf(name));
      const answer = await http.send(route.verb, path, route.body === undefined ? undefined : {});
      const request = requestMessage(route, requestType(route.rpc), {
        params: Object.fromEntries(names.map((name) => [name, partOf(name)])),
        query: new URLSearchParams(),
        body: {},
      });
      const code = await codeOf(gateway.call(served[route.rpc as keyof typeof served] as never, request));
      expect([route.rpc, answer.json.code ?? 'OK']).toEqual([route.rpc, status[code]]);
    }
  });

  it('answers HEAD as GET, without the body', async () => {
    const url = `http://127.0.0.1:${gateway.gateway.httpPort}`;
    for (const path of ['/api/v1/openapi.json', '/api/v1/jobs', '/healthz', '/api/v1/jobs/nothing']) {
      const [got, head] = [await fetch(url + path), await fetch(url + path, { method: 'HEAD' })];
      expect([head.status, head.headers.get('content-type')]).toEqual([
        got.status,
        got.headers.get('content-type'),
      ]);
      expect([(await got.text()) === '', await head.text()]).toEqual([false, '']);
    }
    // A stream has no end that could be waited for.
    expect((await fetch(`${url}/api/v1/jobs:observe`, { method: 'HEAD' })).status).toBe(405);
  });

  it('names itself in answers about unknown paths', async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/`);
    expect([answer.status, await answer.text()]).toEqual([
      404,
      'there is /healthz and /metrics, and /api/v1, which /api/v1/openapi.json describes\n',
    ]);
  });

  it('has statuses of its own for failures outside the handlers', async () => {
    const url = `http://127.0.0.1:${gateway.gateway.httpPort}/api/v1`;
    expect(await http.get('/api/v1/nothing')).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } });
    for (const part of ['%zz', '%ff']) {
      const encoded = await http.get(`/api/v1/jobs/${part}`);
      expect(encoded).toMatchObject({ status: 400, json: { violations: [{ field: 'path' }] } });
    }
    const verb = await http.send('DELETE', '/api/v1/jobs');
    expect([verb.status, verb.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD']);
    const openApi = await http.send('POST', '/api/v1/openapi.json', {});
    expect([openApi.status, openApi.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/jobs`, { method: 'POST', body: '{}' })).status).toBe(415);
    expect(await http.send('POST', '/api/v1/jobs', '{"owner":')).toMatchObject({ status: 400 });
    const large = JSON.stringify({ appName: 'x'.repeat(maxBodyBytes) });
    expect((await http.send('POST', '/api/v1/jobs', large)).status).toBe(413);
    expect((await http.get('/api/v1/jobs', { 'berth-caller-id': 'käthe' })).status).toBe(400);
    // Calls go on after all of this.
    await create();
  });
});

/** Violations come in the order of the JSON, and the fields of the valid job are first in it. */
function order(json: object, field: string): number {
  const top = field.split(/[.[]/)[0] ?? '';
  return Object.keys(json).indexOf(top);
}
