import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelNames } from '@berth/agent/labels';
import { BerthClient } from '@berth/client';
import { type LocalCell, type LocalCellOptions, startCell } from '@berth/local/cell/local-cell';
import { dockerClient } from '@berth/local/engine/docker-client';
import type Docker from 'dockerode';
import { TitusCaller } from '../callers/titus-caller.js';
import { ContainerEvents } from '../engine/container-events.js';
import { skipDockerTests, testDockerHost } from '../engine/docker.js';
import { skipRedisTests } from '../process/redis.js';
import { waitFor } from '../process/wait-for.js';

/** The reason to skip suites with real processes and containers, or false. */
export const skipCellTests: string | false = skipDockerTests === false ? skipRedisTests : skipDockerTests;

/** Longer than the start of any container here, even on a busy machine. */
const defaultTimeoutMs = 60_000;
const logLines = 40;

/**
 * A real cell: Redis, master, gateway and agent are processes of their own, and the containers are Docker's.
 */
export class DockerCell {
  readonly local: LocalCell;
  readonly docker: Docker;
  readonly caller: TitusCaller;
  readonly client: BerthClient;
  /** The directory of its logs and data. */
  readonly home: string;
  /** The events of the cell's containers. */
  readonly events: ContainerEvents;

  static async start(options: LocalCellOptions = {}): Promise<DockerCell> {
    const id = randomBytes(4).toString('hex');
    const home = join(tmpdir(), `berth-e2e-${id}`);
    const redis = process.env.BERTH_TEST_REDIS_SERVER;
    const local = await startCell({
      cell: `e2e-${id}`,
      home,
      logsDir: join(home, 'logs'),
      ...(redis === undefined ? {} : { redisBinary: redis }),
      ...(testDockerHost === undefined ? {} : { dockerHost: testDockerHost }),
      ...options,
    });
    const events = await ContainerEvents.watch(dockerClient(local.dockerHost ?? ''), labelOf(local));
    return new DockerCell(local, home, events);
  }

  private constructor(local: LocalCell, home: string, events: ContainerEvents) {
    this.local = local;
    this.events = events;
    this.home = home;
    this.docker = dockerClient(local.dockerHost ?? '');
    this.caller = new TitusCaller(local.api.grpc);
    this.client = BerthClient.connect({
      addresses: local.gateways.map(({ grpc }) => grpc),
      caller: { email: 'test@example.com' },
      deadlineMs: defaultTimeoutMs,
    });
  }

  /** Returns the names of all containers of the cell, running or not. */
  async containers(): Promise<readonly string[]> {
    const found = await this.docker.listContainers({ all: true, filters: { label: [labelOf(this.local)] } });
    return found.map(({ Names }) => (Names[0] ?? '').slice(1)).toSorted();
  }

  inspect(taskId: string): Promise<Docker.ContainerInspectInfo> {
    return this.docker.getContainer(taskId).inspect();
  }

  /** Returns the whole output of the container. */
  async printed(taskId: string): Promise<string> {
    const log = await this.docker.getContainer(taskId).logs({ stdout: true, stderr: true, follow: false });
    // Without a terminal the engine sends frames: eight bytes of header before each piece.
    let printed = '';
    for (let at = 0; at + 8 <= log.length; at += 8 + log.readUInt32BE(at + 4)) {
      printed += log.toString('utf8', at + 8, at + 8 + log.readUInt32BE(at + 4));
    }
    return printed;
  }

  /** Waits for a condition that Docker needs time for. Its failure shows the ends of all logs. */
  async until<T>(what: string, condition: () => T | Promise<T>, timeoutMs = defaultTimeoutMs) {
    try {
      return await waitFor(condition, { what, timeoutMs, intervalMs: 25 });
    } catch (cause) {
      throw new Error(`${cause instanceof Error ? cause.message : cause}\n${await this.logs()}`, { cause });
    }
  }

  /** Returns the ends of all logs. */
  async logs(): Promise<string> {
    const names = this.local.names();
    const logs = names.map(async (name) => {
      const log = await readFile(join(this.local.logsDir, `${name}.log`), 'utf8').catch(() => '');
      return `--- ${name}\n${log.trimEnd().split('\n').slice(-logLines).join('\n')}`;
    });
    return (await Promise.all(logs)).join('\n');
  }

  /** Ends everything. The remains can still be listed. */
  async stop(): Promise<void> {
    this.caller.close();
    this.client.close();
    this.events.close();
    await this.local.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

function labelOf({ cell }: LocalCell): string {
  return `${labelNames.cell}=${cell}`;
}
