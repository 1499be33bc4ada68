import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A socket in front of an engine's socket. Tests cut and mend it: for its users the engine goes away and
 * comes back.
 */
export interface BreakableSocket {
  /** Its address, in the form of DOCKER_HOST. */
  readonly host: string;
  /** Ends all connections and takes no new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes the socket; `target` is the engine's address, `unix://PATH`. */
export async function breakableSocket(target: string): Promise<BreakableSocket> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-cut-'));
  const path = join(directory, 'docker.sock');
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connect({ path: target.slice('unix://'.length), allowHalfOpen: true });
    for (const end of [socket, onward]) {
      open.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        open.delete(end);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  });
  const mend = async () => {
    server.listen(path);
    await once(server, 'listening');
  };
  const cut = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of open) socket.destroy();
    await once(server, 'close');
  };
  const remove = async () => {
    await cut();
    await rm(directory, { recursive: true, force: true });
  };
  await mend();
  return { host: `unix://${path}`, cut, mend, remove };
}
