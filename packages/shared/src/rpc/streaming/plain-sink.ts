import type { EncodedSink } from './direct-sink.js';
import { MessageBurst } from './message-burst.js';
import type { Encoded } from './pass-through.js';

/** Returns a sink that writes each message on its own, as grpc-js frames it. */
export function plainSink(stream: EncodedSink): EncodedSink {
  return {
    write: (message, onFlushed) => writeEach(stream, message, onFlushed),
    on: (event, listener) => stream.on(event, listener),
    off: (event, listener) => stream.off(event, listener),
  };
}

function writeEach(
  stream: EncodedSink,
  message: Encoded,
  onFlushed?: (error?: Error | null) => void,
): boolean {
  const messages = message instanceof MessageBurst ? message.messages() : [message];
  let isWritable = true;
  messages.forEach((each, index) => {
    isWritable = stream.write(each, index === messages.length - 1 ? onFlushed : undefined);
  });
  return isWritable;
}
