/** Just enough of the wire to count what arrives: a client that decoded everything would be what is measured. */

/** Events in the payload of one message. */
export type EventCount = (payload: Buffer) => number;

const prefixBytes = 5;

/** Cuts a gRPC response into messages and counts their events. */
export class EventCounter {
  events = 0;
  readonly #count: EventCount;
  #rest: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes that must be there before looking again is of use. */
  #needed = prefixBytes;

  constructor(count: EventCount) {
    this.#count = count;
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    this.#rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    this.#cut();
    this.#chunks = this.#rest.length === 0 ? [] : [this.#rest];
    this.#held = this.#rest.length;
  }

  #cut(): void {
    let at = 0;
    const { length } = this.#rest;
    this.#needed = prefixBytes;
    while (length - at >= prefixBytes) {
      const end = at + prefixBytes + this.#rest.readUInt32BE(at + 1);
      if (end > length) {
        this.#needed = end - at;
        break;
      }
      this.events += this.#count(this.#rest.subarray(at + prefixBytes, end));
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }
}

/** Calls `found` with each length-delimited field between two places, and where its bytes lie; others are passed over. */
function eachBetween(
  payload: Buffer,
  from: number,
  to: number,
  found: (field: number, from: number, to: number) => void,
): void {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = payload[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < to) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 2) {
      const length = varint();
      found(Math.floor(tag / 8), at, at + length);
      at += length;
    } else throw new Error(`wire type ${wireType} is not expected here`);
  }
}

/** How many fields of that number lie between the two places. Without looking into them: a subscriber counts each event. */
function countBetween(payload: Buffer, from: number, to: number, wanted: number): number {
  let count = 0;
  eachBetween(payload, from, to, (field) => {
    if (field === wanted) count += 1;
  });
  return count;
}

/** One message, one change. */
export const countTitus: EventCount = () => 1;

/** berth.v1.ObserveResponse: the changes of the commits; of a snapshot, its entities. */
export const countBerth: EventCount = (payload) => {
  let count = 0;
  eachBetween(payload, 0, payload.length, (kind, from, to) => {
    if (kind === 2) count += countBetween(payload, from, to, 1);
    if (kind !== 1) return;
    eachBetween(payload, from, to, (_, commitFrom, commitTo) => {
      count += countBetween(payload, commitFrom, commitTo, 4);
    });
  });
  return count;
};

/** etcdserverpb.WatchResponse: its events. */
export const countEtcd: EventCount = (payload) => countBetween(payload, 0, payload.length, 11);

function varintBytes(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varintBytes(Math.floor(value / 0x80))];
}

/** A length-delimited field. */
export function field(number: number, value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([Buffer.from([...varintBytes(number * 8 + 2), ...varintBytes(bytes.length)]), bytes]);
}

/** What stands before the time of sending in each value, which is in ms with three decimals. */
export const timeMark = '@t=';
const timeChars = 17;

export function nowMark(): string {
  return `${timeMark}${(performance.timeOrigin + performance.now()).toFixed(3)}`;
}

/** How long ago the first value in the chunk was sent, in ms; undefined where there is none. */
export function ageOf(chunk: Buffer): number | undefined {
  const at = chunk.indexOf(timeMark);
  if (at < 0 || at + timeMark.length + timeChars > chunk.length) return undefined;
  const sentMs = Number(chunk.toString('latin1', at + timeMark.length, at + timeMark.length + timeChars));
  return Number.isFinite(sentMs) ? performance.timeOrigin + performance.now() - sentMs : undefined;
}
