import { text } from 'node:stream/consumers';
import { runChecked } from '@berth/local/machine/command';
import { repoRoot } from '@berth/local/machine/paths';
import type Docker from 'dockerode';
import { waitFor } from '../process/wait-for.js';
import type { ComposeCommand } from './compose-command.js';

export interface ComposeProjectOptions {
  readonly compose: ComposeCommand;
  readonly docker: Docker;
  /** The prefix of the names of everything in the project. */
  readonly name: string;
  /** The variables that docker-compose.yml reads. */
  readonly env: Readonly<Record<string, string>>;
}

/** The repository's composition, with a name and ports of its own. */
export class ComposeProject {
  readonly #options: ComposeProjectOptions;
  readonly #label: string;

  constructor(options: ComposeProjectOptions) {
    this.#options = options;
    this.#label = `com.docker.compose.project=${options.name}`;
  }

  /** Runs one command of Compose to its end. Rejects with its output if it fails. */
  async run(...args: readonly string[]): Promise<void> {
    const { compose, name, env } = this.#options;
    // Every engine has the classic builder.
    const classic = { DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
    await runChecked(compose.command, [...compose.args, '--project-name', name, ...args], {
      cwd: repoRoot,
      env: { ...compose.env, ...classic, ...env },
    });
  }

  /** Returns the container of a service. */
  async container(service: string): Promise<Docker.Container> {
    const [found] = await this.#list(`com.docker.compose.service=${service}`);
    if (found === undefined) throw new Error(`${service} has no container`);
    return this.#options.docker.getContainer(found.Id);
  }

  /** Waits until these services pass their health checks. */
  async healthy(services: readonly string[], timeoutMs = 60_000): Promise<void> {
    const ill = async () => {
      const states = await Promise.all(services.map((service) => this.#health(service)));
      return services.filter((_, index) => states[index] !== 'healthy');
    };
    try {
      await waitFor(async () => (await ill()).length === 0, {
        what: 'all are healthy',
        timeoutMs,
        intervalMs: 250,
      });
    } catch (cause) {
      const logs = await Promise.all((await ill()).map((service) => this.#describe(service)));
      throw new Error(`not healthy within ${timeoutMs} ms:\n${logs.join('\n')}`, { cause });
    }
  }

  /** Runs a command in a service's container. Returns its output, or rejects if its exit code is not 0. */
  async exec(service: string, ...command: readonly string[]): Promise<string> {
    const container = await this.container(service);
    // With a terminal the engine sends the output as it is, without frames.
    const exec = await container.exec({
      Cmd: [...command],
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
    });
    const output = await text(await exec.start({ Tty: true, hijack: true, stdin: false }));
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0)
      throw new Error(`${command.join(' ')} in ${service} ended with ${ExitCode}: ${output}`);
    return output;
  }

  /** Returns the names of everything that the project has in the engine. */
  async leftovers(): Promise<string[]> {
    const { docker } = this.#options;
    const filters = { label: [this.#label] };
    const [containers, networks, { Volumes: volumes }] = await Promise.all([
      this.#list(),
      docker.listNetworks({ filters }),
      docker.listVolumes({ filters }),
    ]);
    return [
      ...containers.flatMap(({ Names }) => Names),
      ...networks.map(({ Name }) => Name),
      ...volumes.map(({ Name }) => Name),
    ];
  }

  #list(...labels: readonly string[]): Promise<Docker.ContainerInfo[]> {
    return this.#options.docker.listContainers({ all: true, filters: { label: [this.#label, ...labels] } });
  }

  async #health(service: string): Promise<string | undefined> {
    const { State } = await (await this.container(service)).inspect();
    return State.Health?.Status;
  }

  async #describe(service: string): Promise<string> {
    const container = await this.container(service);
    const { State } = await container.inspect();
    const logs = await container.logs({ stdout: true, stderr: true, tail: 20 });
    const checks = State.Health?.Log.map(({ Output }) => Output.trim()).join('; ');
    return `${service}: ${State.Status}, exit code ${State.ExitCode}; checks: ${checks}\n${logs.toString()}`;
  }
}
