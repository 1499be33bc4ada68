import type { Write } from '../contract/commit.js';

/** A write that is encoded already. Its bytes are empty for a removal. */
export type EncodedWrite = Write & { readonly bytes: Uint8Array };

/** Returns the bytes of a write that is encoded already. */
export function bytesOf(write: Write & Partial<Pick<EncodedWrite, 'bytes'>>): Uint8Array | undefined {
  return write.bytes;
}
