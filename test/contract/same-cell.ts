import { entityKinds } from '@berth/shared/model/cell/entity';
import type { CellStore } from '@berth/store';
import { Replica } from '@berth/store/replica';
import { fieldOf } from '@berth/store/wire';
import { expect } from 'vitest';

/** Everything that a replica holds, in a form that can be compared. */
export function contentOf(replica: Replica): ReadonlyMap<string, string> {
  const content = new Map<string, string>();
  for (const kind of entityKinds) {
    for (const { id, revision, bytes } of replica.all(kind)) {
      content.set(fieldOf(kind, id), `${revision}:${Buffer.from(bytes).toString('hex')}`);
    }
  }
  return content;
}

/** Expects that a replica that followed the log equals a fresh snapshot. */
export async function expectSameCell(replica: Replica, store: CellStore): Promise<void> {
  const fresh = await Replica.start(store.openLogReader());
  await replica.waitFor(fresh.revision, 20_000);
  expect(replica.head).toEqual(fresh.head);
  expect(contentOf(replica)).toEqual(contentOf(fresh));
  const jobIds = new Set([...fresh.all('task')].map(({ record }) => record.jobId));
  for (const jobId of jobIds) {
    expect(replica.tasksOf(jobId).map(({ id }) => id)).toEqual(fresh.tasksOf(jobId).map(({ id }) => id));
  }
  await fresh.close();
}
