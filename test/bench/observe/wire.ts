/**
 * Reads just enough of the wire format to count events: a client that decoded everything would dominate the
 * measurement.
 */

/** The fields of a message that are events, and those that contain events. */
interface EventFields {
  readonly [field: number]: 'event' | EventFields;
}

/** The content of a stream's messages; 'event' means that each message is one. */
export type MessageShape = 'event' | EventFields;

/** One message, one change. */
export const titusShape: MessageShape = 'event';
/** berth.v1.ObserveResponse: the changes of the commits; of a snapshot, its entities. */
export const berthShape: MessageShape = { 1: { 1: { 4: 'event' } }, 2: { 1: 'event' } };
/** etcdserverpb.WatchResponse: its events. */
export const etcdShape: MessageShape = { 11: 'event' };

const prefixBytes = 5;

/** A message under reading: its end, and the fields to count in it. */
interface Level {
  readonly end: number;
  readonly fields: EventFields;
}

/**
 * Counts the events in a gRPC response as its pieces arrive; a piece may end anywhere. It reads tags and
 * lengths and skips the rest: a client that assembled messages first would dominate the measurement.
 */
export class EventCounter {
  events = 0;
  readonly #shape: MessageShape;
  /**
   * Positions count from the beginning of the stream: that of the current piece, and that of the next byte
   * to read.
   */
  #pieceAt = 0;
  #at = 0;
  readonly #levels: Level[] = [];
  /** The number under reading: its kind, its value so far, the weight of its next byte, and its bytes. */
  #reading: 'prefix' | 'tag' | 'length' | 'number' = 'prefix';
  #value = 0;
  #weight = 1;
  #bytes = 0;
  #field = 0;

  constructor(shape: MessageShape) {
    this.#shape = shape;
  }

  take(piece: Buffer): void {
    const end = this.#pieceAt + piece.length;
    while (this.#at < end) {
      const byte = piece[this.#at - this.#pieceAt] ?? 0;
      this.#at += 1;
      if (this.#reading === 'prefix') this.#readPrefix(byte);
      else this.#readVarint(byte);
      this.#closeLevels();
    }
    this.#pieceAt = end;
  }

  #readPrefix(byte: number): void {
    this.#bytes += 1;
    // The first byte is the compression flag.
    if (this.#bytes > 1) this.#value = this.#value * 256 + byte;
    if (this.#bytes < prefixBytes) return;
    const length = this.#value;
    this.#begin('prefix');
    if (this.#shape === 'event') {
      this.events += 1;
      this.#at += length;
    } else {
      this.#levels.push({ end: this.#at + length, fields: this.#shape });
      this.#begin('tag');
    }
  }

  #readVarint(byte: number): void {
    this.#value += (byte & 0x7f) * this.#weight;
    this.#weight *= 128;
    if (byte >= 0x80) return;
    const value = this.#value;
    if (this.#reading === 'tag') {
      const wireType = value & 7;
      if (wireType !== 0 && wireType !== 2) throw new Error(`wire type ${wireType} is not expected here`);
      this.#field = Math.floor(value / 8);
      this.#begin(wireType === 2 ? 'length' : 'number');
      return;
    }
    if (this.#reading === 'length') this.#enter(value);
    this.#begin('tag');
  }

  /** Enters the current field, whose bytes come next. */
  #enter(length: number): void {
    const what = this.#levels.at(-1)?.fields[this.#field];
    if (what !== undefined && what !== 'event') {
      this.#levels.push({ end: this.#at + length, fields: what });
      return;
    }
    if (what === 'event') this.events += 1;
    this.#at += length;
  }

  #closeLevels(): void {
    if (this.#reading !== 'tag' || this.#value !== 0 || this.#weight !== 1) return;
    while (this.#levels.length > 0 && this.#levels.at(-1)?.end === this.#at) this.#levels.pop();
    if (this.#levels.length === 0) this.#begin('prefix');
  }

  #begin(reading: 'prefix' | 'tag' | 'length' | 'number'): void {
    this.#reading = reading;
    this.#value = 0;
    this.#weight = 1;
    this.#bytes = 0;
  }
}

function varintBytes(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varintBytes(Math.floor(value / 0x80))];
}

/** A length-delimited field. */
export function field(number: number, value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([Buffer.from([...varintBytes(number * 8 + 2), ...varintBytes(bytes.length)]), bytes]);
}

/** The mark before the time of sending in each value. The time is in ms with three decimals. */
export const timeMark = '@t=';
const timeChars = 17;

export function nowMark(): string {
  return `${timeMark}${(performance.timeOrigin + performance.now()).toFixed(3)}`;
}

/** Returns the age of the first value in the chunk, in ms. Undefined if there is none. */
export function ageOf(chunk: Buffer): number | undefined {
  const at = chunk.indexOf(timeMark);
  if (at < 0 || at + timeMark.length + timeChars > chunk.length) return undefined;
  const sentMs = Number(chunk.toString('latin1', at + timeMark.length, at + timeMark.length + timeChars));
  return Number.isFinite(sentMs) ? performance.timeOrigin + performance.now() - sentMs : undefined;
}
