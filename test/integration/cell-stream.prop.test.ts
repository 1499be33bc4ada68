/*
 * Checks the final state of a subscriber of the complete cell, over random histories, readers of any speed,
 * and streams that break off anywhere. The parts are the queue and the messages of the gateway, and the
 * client's resume and event code, without a network between.
 */

import { ModelGateway, wireKinds } from '@berth/api/testing/model-gateway';
import { ModelSubscriber } from '@berth/api/testing/model-subscriber';
import { type ScriptedCell, type Step, writesOf } from '@berth/api/testing/scripted-cell';
import { JobEventAdapter } from '@berth/client/observe/job-event-adapter';
import { type CellEvent, ResumePoint } from '@berth/client/observe/resume-point';
import type { ObserveResponse_Change } from '@berth/shared/gen/berth/v1/observe_service';
import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Write } from '@berth/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const numRuns = Number(process.env.BERTH_PROPERTY_RUNS ?? 400);

/** The events between two checks of the subscriber. */
interface Round {
  readonly steps: readonly Step[];
  readonly reads: number;
  readonly asks: boolean;
  /** 0: the stream breaks off. */
  readonly breaks: number;
}

interface Limits {
  /** The limit of the bytes that wait for the subscriber. */
  readonly maxBytes: number;
  /** That each task has beside its own. */
  readonly paddingBytes: number;
}

/**
 * Plays the rounds, and then reads the rest. `take` gets each message to the subscriber. Throws if a
 * promise is broken.
 */
function play(
  rounds: readonly Round[],
  { gateway, paddingBytes }: { readonly gateway: ModelGateway; readonly paddingBytes: number },
  take: (event: CellEvent) => void,
): void {
  const point = new ResumePoint();
  const asked = new Map<string, number>();
  let first: CellEvent | undefined;
  const connect = () => {
    first = point.reopen() ?? first;
    gateway.connect(point.position);
    for (const id of asked.keys()) gateway.checkpoint(id);
  };
  const read = (event: CellEvent) => {
    const before = point.position?.revision ?? 0;
    const message = point.take(event);
    expect(point.position?.revision ?? before).toBeGreaterThanOrEqual(event.$case === 'reset' ? 0 : before);
    if (first !== undefined && message?.$case !== 'reset') take(first);
    first = undefined;
    if (message !== undefined) take(message);
    if (event.$case !== 'checkpointReached') return;
    expect(event.value.position?.revision).toBeGreaterThanOrEqual(asked.get(event.value.id) ?? Infinity);
    asked.delete(event.value.id);
  };
  connect();
  for (const [index, { steps, reads, asks, breaks }] of rounds.entries()) {
    gateway.commit(combine(steps, gateway.cell).map((write) => padded(write, paddingBytes)));
    if (asks) {
      asked.set(`c${index}`, gateway.revision);
      gateway.checkpoint(`c${index}`);
    }
    for (let count = 0; count < reads; count += 1) {
      const event = gateway.next();
      if (event !== undefined) read(event);
    }
    if (breaks === 0) connect();
  }
  for (let event = gateway.next(); event !== undefined; event = gateway.next()) read(event);
  expect(asked.size).toBe(0);
}

/** Builds one commit from several steps. No two steps touch the same entity. */
function combine(steps: readonly Step[], cell: ScriptedCell): readonly Write[] {
  const writes: Write[] = [];
  const jobOf = ({ id }: Write) => id.split('.')[0];
  for (const step of steps) {
    const more = writesOf(step, cell);
    const clashes = more.some((one) =>
      writes.some(
        (other) =>
          jobOf(one) === jobOf(other) &&
          (one.kind !== 'task' || other.kind !== 'task' || one.id === other.id),
      ),
    );
    if (!clashes) writes.push(...more);
  }
  return writes;
}

function padded(write: Write, paddingBytes: number): Write {
  if (write.kind !== 'task' || write.record?.task === undefined || paddingBytes === 0) return write;
  const { task } = write.record;
  const taskContext = { ...task.taskContext, padding: 'x'.repeat(paddingBytes) };
  return { ...write, record: { ...write.record, task: { ...task, taskContext } } };
}

const acts = ['create', 'addTask', 'move', 'redefine', 'kill', 'touch', 'finish', 'remove'] as const;
const someRounds = fc.array(
  fc.record<Round>({
    steps: fc.array(
      fc.record<Step>({
        act: fc.constantFrom(...acts, 'addTask', 'move', 'move'),
        job: fc.nat(4),
        task: fc.nat(5),
      }),
      { maxLength: 4 },
    ),
    reads: fc.nat(3),
    asks: fc.boolean(),
    breaks: fc.nat(9),
  }),
  // Long histories: faults appear only if many changes wait at once.
  { maxLength: 60, size: 'max' },
);
const someLimits = fc.record<Limits>({
  maxBytes: fc.constantFrom(0, 300, 3_000, 100_000),
  paddingBytes: fc.constantFrom(0, 30_000),
});

describe.each(['on', 'off'] as const)('a subscriber of the complete cell, with the tuning %s', (tuning) => {
  it('gets the same job events as from ObserveJobs, and ends with the true state', () => {
    const kinds = ['job', 'jobStatus', 'task'] as const;
    const property = fc.property(someRounds, someLimits, (rounds, { maxBytes, paddingBytes }) => {
      const gateway = new ModelGateway({ kinds, maxBytes, tuning });
      const adapter = new JobEventAdapter();
      let subscriber = new ModelSubscriber();
      play(rounds, { gateway, paddingBytes }, (event) => {
        if (event.$case === 'reset') subscriber = new ModelSubscriber();
        for (const message of adapter.messagesOf(event))
          subscriber.receive(JobChangeNotification.encode(message).finish());
      });
      for (const { job, tasks } of gateway.liveJobs()) {
        const known = subscriber.jobs.get(job.id);
        expect(known?.isFinished).toBe(false);
        expect(known?.descriptor).toEqual(job.record.descriptor);
        const expected = tasks.map(({ id, record }) => [id, record.task]);
        expect(Object.fromEntries(known?.tasks ?? [])).toEqual(Object.fromEntries(expected));
      }
    });
    fc.assert(property, { numRuns });
  });

  it('ends with the entities that match its criteria', () => {
    const someCriteria = fc.constantFrom<Record<string, string>>(
      { appName: 'app1' },
      { taskStates: 'RUNNING,STARTING' },
      { jobState: 'RUNNING', taskStates: 'QUEUED,RUNNING' },
    );
    const property = fc.property(someRounds, someLimits, someCriteria, fc.boolean(), (...given) => {
      const [rounds, { maxBytes, paddingBytes }, criteria, isWhole] = given;
      const kinds = isWhole ? undefined : (['task'] as const);
      const gateway = new ModelGateway({ kinds, criteria, maxBytes, tuning });
      const picture = new Picture();
      play(rounds, { gateway, paddingBytes }, (event) => picture.take(event));
      const expected = new Map<string, string>();
      for (const { kind, id, record } of gateway.selectedEntities())
        if (kind !== 'taskStop' && kind !== 'clusterRuns' && kind in wireKinds)
          expected.set(`${wireKinds[kind]}/${id}`, kind === 'task' ? JSON.stringify(record.task) : '');
      expect(picture.entities).toEqual(expected);
    });
    fc.assert(property, { numRuns });
  });
});

/** The subscriber's knowledge: the content of tasks, and only the existence of other entities. */
class Picture {
  readonly entities = new Map<string, string>();

  take(event: CellEvent): void {
    if (event.$case === 'reset') this.entities.clear();
    if (event.$case === 'snapshot') for (const change of event.value.entities) this.#take(change);
    if (event.$case !== 'commits') return;
    for (const { changes } of event.value.commits) for (const change of changes) this.#take(change);
  }

  #take({ change }: ObserveResponse_Change): void {
    if (change === undefined) return;
    if (change.$case === 'removed') this.entities.delete(`${change.value.kind}/${change.value.id}`);
    else {
      const id = 'jobId' in change.value && change.$case !== 'task' ? change.value.jobId : undefined;
      const key = `${wireKinds[change.$case]}/${id ?? ('id' in change.value ? change.value.id : '')}`;
      this.entities.set(key, change.$case === 'task' ? JSON.stringify(change.value) : '');
    }
  }
}
