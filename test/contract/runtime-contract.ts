import { randomUUID } from 'node:crypto';
import type { ContainerStatus } from '@berth/agent/container';
import type { ContainerSpec } from '@berth/agent/container-spec';
import { labelNames } from '@berth/agent/labels';
import { maxResultBytes, resultsPath } from '@berth/agent/results';
import type { ContainerRuntime, RuntimeEvent } from '@berth/agent/runtime';
import { type ContainerUsage, usageMetrics } from '@berth/agent/usage';
import { freePort } from '@berth/local/machine/ports';
import { parseSecurityProfile } from '@berth/shared/model/job/security-profile';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';

/** An engine, and the means of a test to cause each behaviour. */
export interface EngineUnderTest {
  /** An image in the engine. */
  readonly image: string;
  /** An image that exists nowhere. */
  readonly missingImage: string;
  /** Opens the engine for another agent process, in its present state. */
  open(agentId: string): ContainerRuntime;
  close(): Promise<void>;
}

export const testCell = 'contract';

/** A container for any engine: a real one runs the command, a simulated one reads the environment. */
export function specFor(image: string, agentId: string, changes: Partial<ContainerSpec> = {}): ContainerSpec {
  const name = changes.name ?? `${randomUUID()}.0-0`;
  return {
    name,
    image,
    entryPoint: [],
    command: ['sleep', '600'],
    env: {},
    labels: {
      [labelNames.cell]: testCell,
      [labelNames.agent]: agentId,
      [labelNames.task]: name,
      [labelNames.job]: name.split('.')[0] ?? '',
    },
    cpuMillis: 100,
    memoryMb: 32,
    network: 'none',
    ports: [],
    portBind: '127.0.0.1',
    init: true,
    ...changes,
  };
}

/** A container that runs for a moment and ends with this exit code. */
export function endsWith(exitCode: number): Partial<ContainerSpec> {
  return {
    command: ['sh', '-c', `sleep 0.2; exit ${exitCode}`],
    env: { BERTH_SIM_RUN_MS: '200', BERTH_SIM_EXIT_CODE: String(exitCode) },
  };
}

/** A container that needs more memory than its limit. */
export const outOfMemory: Partial<ContainerSpec> = {
  command: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M', 'count=1'],
  env: { BERTH_SIM_FAIL: 'oom' },
};

/** A container that writes to its file for results before it ends. */
export function writes(script: string, results: string): Partial<ContainerSpec> {
  return {
    hasResults: true,
    command: ['sh', '-c', script],
    env: { BERTH_RESULTS: resultsPath, BERTH_SIM_RUN_MS: '50', BERTH_SIM_RESULTS: results },
  };
}

const plainSecurity = parsedProfile();

function parsedProfile() {
  const parsed = parseSecurityProfile({});
  if ('violations' in parsed) throw new Error('an empty profile is valid');
  return parsed.profile;
}

/** Kills and removes all containers of the agent. */
export async function clear(runtime: ContainerRuntime): Promise<void> {
  for (const { taskId } of await runtime.list()) {
    await runtime.kill(taskId).catch(() => undefined);
    await waitFor(
      () =>
        runtime.remove(taskId).then(
          () => true,
          () => false,
        ),
      { what: `${taskId} is gone` },
    );
  }
}

/** The duties of every ContainerRuntime. */
export function runtimeContract(makeEngine: () => Promise<EngineUnderTest>): void {
  describe('the contract of a container runtime', () => {
    const agentId = `agent-${randomUUID()}`;
    let engine: EngineUnderTest;
    let runtime: ContainerRuntime;
    const spec = (changes: Partial<ContainerSpec> = {}) => specFor(engine.image, agentId, changes);

    beforeEach(async () => {
      engine = await makeEngine();
      runtime = engine.open(agentId);
    });
    afterEach(async () => {
      await clear(runtime);
      await runtime.close();
      await engine.close();
    });

    async function launch(changes: Partial<ContainerSpec> = {}): Promise<string> {
      const made = spec(changes);
      await runtime.create(made);
      await runtime.start(made.name);
      return made.name;
    }

    function ended(taskId: string): Promise<ContainerStatus> {
      const hasEnded = async () => {
        const status = await runtime.inspect(taskId);
        return status?.state === 'exited' ? status : undefined;
      };
      return waitFor(hasEnded, { what: 'the container has ended' });
    }

    async function sampleOf(taskId: string): Promise<ContainerUsage> {
      const [usage] = await runtime.sample([taskId]);
      if (usage === undefined) throw new Error(`nothing is told of ${taskId}`);
      return usage;
    }

    it('describes its host', async () => {
      const info = await runtime.info();
      expect(info.cpuMillis).toBeGreaterThanOrEqual(1000);
      expect(info.memoryMb).toBeGreaterThan(100);
      expect(info.diskMb).toBeGreaterThan(100);
      expect(info.version).toContain(runtime.name);
      await runtime.ping();
    });

    it('leads a container from created over running to exited', async () => {
      const made = spec(endsWith(0));
      expect(await runtime.create(made)).toEqual({ adopted: false });
      expect(await runtime.inspect(made.name)).toMatchObject({ taskId: made.name, state: 'created' });
      await runtime.start(made.name);
      expect(await runtime.inspect(made.name)).toMatchObject({ state: 'running' });
      const { startedAtMs, finishedAtMs, ...status } = await ended(made.name);
      expect(status).toEqual({ taskId: made.name, state: 'exited', exitCode: 0, oomKilled: false });
      expect(finishedAtMs ?? 0).toBeGreaterThan(startedAtMs ?? Number.POSITIVE_INFINITY);
    });

    it('keeps the exit code of an ended container until its removal', async () => {
      const taskId = await launch(endsWith(3));
      expect(await ended(taskId)).toMatchObject({ exitCode: 3 });
      expect(await runtime.list()).toMatchObject([{ taskId, state: 'exited' }]);
      await runtime.remove(taskId);
      expect(await runtime.inspect(taskId)).toBeUndefined();
      expect(await runtime.list()).toEqual([]);
    });

    it('reports each end as it happens', async () => {
      const events: RuntimeEvent[] = [];
      const following = runtime.events$.subscribe((event) => events.push(event));
      await waitFor(() => events.some(({ is }) => is === 'connected'), { what: 'events flow' });
      const taskId = await launch(endsWith(0));
      await waitFor(() => events.some((event) => event.is === 'changed' && event.taskId === taskId));
      expect(await runtime.inspect(taskId)).toMatchObject({ state: 'exited', exitCode: 0 });
      following.unsubscribe();
    });

    it('reports nothing of other agents and their containers', async () => {
      const other = engine.open('another-agent');
      const events: RuntimeEvent[] = [];
      const following = runtime.events$.subscribe((event) => events.push(event));
      await waitFor(() => events.length > 0, { what: 'events flow' });
      const foreign = specFor(engine.image, 'another-agent', endsWith(0));
      await other.create(foreign);
      await other.start(foreign.name);
      const own = await launch(endsWith(0));
      await waitFor(() => events.some((event) => event.is === 'changed' && event.taskId === own));
      expect((await runtime.list()).map(({ taskId }) => taskId)).toEqual([own]);
      expect(events.filter((event) => event.is === 'changed' && event.taskId === foreign.name)).toEqual([]);
      following.unsubscribe();
      await clear(other);
      await other.close();
    });

    it('adopts an existing container, so a launch can be repeated', async () => {
      const taskId = await launch();
      const { startedAtMs } = (await runtime.inspect(taskId)) ?? {};
      expect(await runtime.create(spec({ name: taskId }))).toEqual({ adopted: true });
      await runtime.start(taskId);
      expect(await runtime.inspect(taskId)).toMatchObject({ state: 'running', startedAtMs });
    });

    it('shows the same containers to an agent that comes back', async () => {
      const running = await launch();
      const exited = await launch(endsWith(7));
      await ended(exited);
      const again = engine.open(agentId);
      const states = new Map((await again.list()).map(({ taskId, state }) => [taskId, state]));
      expect(states).toEqual(
        new Map([
          [running, 'running'],
          [exited, 'exited'],
        ]),
      );
      expect(await again.inspect(exited)).toMatchObject({ exitCode: 7 });
      await again.close();
    });

    it('finds the images that it has, and refuses those that exist nowhere', async () => {
      expect(await runtime.ensureImage(engine.image)).toBe(engine.image);
      const made = spec({ image: engine.missingImage, env: { BERTH_SIM_FAIL: 'pull' } });
      await expect(runtime.create(made)).rejects.toMatchObject({ name: 'RuntimeError', kind: 'notFound' });
      await expect(runtime.ensureImage(engine.missingImage)).rejects.toMatchObject({ kind: 'notFound' });
    });

    it('refuses impossible settings', async () => {
      const made = spec({ memoryMb: 1, env: { BERTH_SIM_FAIL: 'create' } });
      await expect(runtime.create(made)).rejects.toMatchObject({ kind: 'invalid' });
      expect(await runtime.list()).toEqual([]);
    });

    it('reports that a command cannot be started, and remembers it', async () => {
      const made = spec({ command: ['/no/such/program'], init: false, env: { BERTH_SIM_FAIL: 'start' } });
      await runtime.create(made);
      await expect(runtime.start(made.name)).rejects.toMatchObject({ kind: 'invalid' });
      const status = await runtime.inspect(made.name);
      expect(status).toMatchObject({
        state: 'created',
        startError: expect.stringMatching(/no such|not found/),
      });
    });

    it('ends a container with SIGTERM', async () => {
      const made = writes('echo up > "$BERTH_RESULTS"; exec sleep 600', 'up\n');
      const taskId = await launch({ ...made, env: { ...made.env, BERTH_SIM_RUN_MS: '600000' } });
      // Before the program runs, the engine's own starter takes the signal: it may lose it or end with 2.
      await waitFor(async () => (await runtime.readResults(taskId))?.size === 3, {
        what: 'the program is up',
      });
      await runtime.stop(taskId);
      expect(await ended(taskId)).toMatchObject({ exitCode: 128 + 15, oomKilled: false });
    });

    it('leaves a container that ignores SIGTERM running, and ends it with SIGKILL', async () => {
      const command = ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done'];
      // Without an init process in front, even a signal before the trap does not end the shell.
      const taskId = await launch({ command, init: false, env: { BERTH_SIM_IGNORE_TERM: '1' } });
      await runtime.stop(taskId);
      expect(await runtime.inspect(taskId)).toMatchObject({ state: 'running' });
      await runtime.kill(taskId);
      expect(await ended(taskId)).toMatchObject({ exitCode: 128 + 9, oomKilled: false });
    });

    it('refuses to stop an ended container', async () => {
      const taskId = await launch(endsWith(0));
      await ended(taskId);
      await expect(runtime.stop(taskId)).rejects.toMatchObject({ kind: 'conflict' });
      await expect(runtime.kill(taskId)).rejects.toMatchObject({ kind: 'conflict' });
    });

    it('does not know a container that never existed', async () => {
      expect(await runtime.inspect('never')).toBeUndefined();
      for (const call of ['start', 'stop', 'kill'] as const) {
        await expect(runtime[call]('never')).rejects.toMatchObject({ kind: 'notFound' });
      }
      await runtime.remove('never');
    });

    it('does not remove a running container', async () => {
      const taskId = await launch();
      await expect(runtime.remove(taskId)).rejects.toMatchObject({ kind: 'conflict' });
      expect(await runtime.inspect(taskId)).toMatchObject({ state: 'running' });
    });

    it('keeps the file of results of a container until its removal', async () => {
      const script = 'echo 41 > "$BERTH_RESULTS"; echo 42 >> "$BERTH_RESULTS"; sleep 0.2';
      const taskId = await launch({
        ...writes(script, '41\n42\n'),
        security: { ...plainSecurity, user: '65534:65534' },
      });
      await ended(taskId);
      const file = await runtime.readResults(taskId);
      expect(Buffer.from(file?.bytes ?? []).toString()).toBe('41\n42\n');
      expect(file?.size).toBe(6);
      await runtime.remove(taskId);
      await expect(runtime.readResults(taskId)).rejects.toMatchObject({ kind: 'notFound' });
    });

    it('keeps results even if a container cannot write to its own files', async () => {
      const security = { ...plainSecurity, readOnlyRootfs: true };
      const taskId = await launch({ ...writes('echo yes > "$BERTH_RESULTS"; sleep 0.2', 'yes\n'), security });
      await ended(taskId);
      expect(Buffer.from((await runtime.readResults(taskId))?.bytes ?? []).toString()).toBe('yes\n');
    });

    it('returns the full size of results that it reads only in part', async () => {
      const script = 'dd if=/dev/zero of="$BERTH_RESULTS" bs=1000 count=100; sleep 0.2';
      const taskId = await launch(writes(script, 'x'.repeat(100_000)));
      await ended(taskId);
      const file = await runtime.readResults(taskId);
      expect([file?.bytes.length, file?.size]).toEqual([maxResultBytes, 100_000]);
    });

    it('has no results of a container without a file for them', async () => {
      const taskId = await launch(endsWith(0));
      await ended(taskId);
      expect(await runtime.readResults(taskId)).toBeUndefined();
    });

    it('distinguishes lack of memory from other ends', async () => {
      const taskId = await launch(outOfMemory);
      expect(await ended(taskId)).toMatchObject({ exitCode: 128 + 9, oomKilled: true });
    });

    it('measures a container by counters that grow with its use', async () => {
      const busy = await launch({
        command: ['sh', '-c', 'while true; do true; done'],
        env: { BERTH_SIM_CPU_MILLIS: '100' },
      });
      const before = await sampleOf(busy);
      expect(before.memoryBytes).toBeGreaterThan(0);
      expect(before.memoryBytes).toBeLessThan(32_000_000);
      const now = await waitFor(async () => {
        const usage = await sampleOf(busy);
        return usage.cpuMs > before.cpuMs && usage.readAtMs >= before.readAtMs + 1_000 && usage;
      });
      expect(now.startedAtMs).toBe(before.startedAtMs);
      const { CPUUtilization = 0 } = usageMetrics(before, now, {
        cpuMillis: 100,
        memoryMb: 32,
        networkMbps: 0,
      });
      // It may use a tenth of a core, and the kernel grants it in pieces of some milliseconds.
      expect(CPUUtilization).toBeGreaterThan(20);
      expect(CPUUtilization).toBeLessThan(180);
    });

    it('measures the network only if it is the container’s own', async () => {
      const [own, none] = [await launch({ network: 'bridge' }), await launch({ network: 'none' })];
      const { network } = await sampleOf(own);
      expect(network?.receivedBytes).toBeGreaterThanOrEqual(0);
      expect(network?.sentBytes).toBeGreaterThanOrEqual(0);
      expect((await sampleOf(none)).network).toBeUndefined();
    });

    it('measures no container that has ended, never ran or is absent', async () => {
      const over = await launch(endsWith(0));
      await ended(over);
      const made = spec();
      await runtime.create(made);
      const running = await launch();
      const usages = await runtime.sample([over, made.name, 'never', running]);
      expect(usages.map(({ taskId }) => taskId)).toEqual([running]);
      expect(await runtime.sample([])).toEqual([]);
    });

    it('reads the page of metrics that a container publishes', async () => {
      const page = 'queue_length 3\n';
      const taskId = await launch({
        network: 'bridge',
        command: [
          'sh',
          '-c',
          `mkdir /tmp/w; echo queue_length 3 > /tmp/w/page; exec httpd -f -p 8080 -h /tmp/w`,
        ],
        env: { BERTH_SIM_METRICS: page },
      });
      const read = () => runtime.readMetrics(taskId, { port: 8080, path: '/page' });
      expect(await waitFor(() => read().catch(() => undefined), { what: 'it listens' })).toBe(page);
    });

    it('reports that a container publishes no metrics, or does not run', async () => {
      const endpoint = { port: 9100, path: '/metrics' };
      const taskId = await launch({ network: 'bridge' });
      await expect(runtime.readMetrics(taskId, endpoint)).rejects.toMatchObject({ kind: 'failed' });
      await expect(runtime.readMetrics('never', endpoint)).rejects.toMatchObject({ kind: 'notFound' });
    });

    it('gives a chosen port of the host to the container, and tells the protocol', async () => {
      const hostPort = await freePort();
      const taskId = await launch({
        network: 'bridge',
        ports: [
          { port: 80, protocol: 'tcp', hostPort },
          { port: 53, protocol: 'udp' },
        ],
      });
      const { hostPorts = '' } = (await runtime.inspect(taskId)) ?? {};
      const [dns, web] = hostPorts.split(',').toSorted();
      expect(web).toBe(`80:${hostPort}`);
      expect(dns).toMatch(/^53:\d+\/udp$/);
      expect(await runtime.list()).toMatchObject([{ taskId, hostPorts }]);
    });

    it('gives each published port a host port, and the container an address', async () => {
      const taskId = await launch({
        network: 'bridge',
        ports: [9090, 8080].map((port) => ({ port, protocol: 'tcp' })),
      });
      const status = await runtime.inspect(taskId);
      expect(status?.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      const hostPorts = new Map(
        status?.hostPorts?.split(',').map((pair) => pair.split(':').map(Number) as [number, number]),
      );
      expect([...hostPorts.keys()].sort()).toEqual([8080, 9090]);
      expect(new Set(hostPorts.values()).size).toBe(2);
      expect(await runtime.list()).toMatchObject([{ taskId, ip: status?.ip, hostPorts: status?.hostPorts }]);
    });
  });
}
