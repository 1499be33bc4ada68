import type { AnyEntity, EntityKind } from '@berth/shared/model/cell/entity';
import type { Tuning } from '../contract/tuning.js';
import { decodeNamed, type EntityName, parseField, type StoredVersion } from '../wire/codec.js';

/**
 * The change of one entity by a commit, as it is stored. Most readers look at its name only, so the record is
 * decoded when it is asked for.
 */
export class StoredChange {
  readonly kind: EntityKind;
  readonly id: string;
  readonly #stored: StoredVersion;
  readonly #tuning: Tuning;

  /** `stored` has empty bytes if the commit removed the entity. */
  constructor({ kind, id }: EntityName, stored: StoredVersion, tuning: Tuning = 'on') {
    this.kind = kind;
    this.id = id;
    this.#stored = stored;
    this.#tuning = tuning;
  }

  /** The size of the stored record; 0 for a removal. */
  get byteLength(): number {
    return this.#stored.bytes.length;
  }

  /** Decodes the entity. Undefined if it was removed. Throws if it cannot be decoded. */
  entity(): AnyEntity | undefined {
    return this.byteLength === 0 ? undefined : decodeNamed(this, this.#stored, this.#tuning);
  }
}

/** The writes of a commit in their stored form. */
interface StoredWrites {
  readonly revision: number;
  readonly writes: readonly { readonly field: string; readonly bytes: Uint8Array }[];
}

/** Returns the changes in order, without those of kinds that this version does not know. */
export function changesIn({ revision, writes }: StoredWrites, tuning: Tuning): readonly StoredChange[] {
  const changes: StoredChange[] = [];
  for (const { field, bytes } of writes) {
    const name = parseField(field);
    if (name !== undefined) changes.push(new StoredChange(name, { revision, bytes }, tuning));
  }
  return changes;
}
