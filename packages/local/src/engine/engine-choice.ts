/** What a look at the machine found, once neither DOCKER_HOST nor the default socket has an engine that answers. */
export interface EngineFindings {
  /** An engine of ours, which an earlier run or one beside this has started, answers. */
  readonly ownAnswers: boolean;
  /** The path of dockerd. */
  readonly dockerd: string | undefined;
  /** Some of the programs that dockerd calls are missing, as after an installation that was stopped half-way. */
  readonly lacksParts: boolean;
  /** We are root or may become so through sudo. */
  readonly canBeRoot: boolean;
  readonly hasApt: boolean;
  /** The machine's engine has its socket, although it does not answer us. */
  readonly defaultSocketExists: boolean;
}

export type EngineChoice =
  | { readonly kind: 'adopt' }
  | { readonly kind: 'start' }
  | { readonly kind: 'install' }
  | { readonly kind: 'impossible'; readonly whatToDo: string };

const alternatives = 'or set DOCKER_HOST to one that you may use';

/** How to get an engine: the one of ours that runs, the installed one, a newly installed one, or not at all. */
export function chooseEngine(found: EngineFindings): EngineChoice {
  if (found.canBeRoot && found.ownAnswers) return { kind: 'adopt' };
  if (found.canBeRoot && found.dockerd !== undefined && !found.lacksParts) return { kind: 'start' };
  if (found.canBeRoot && found.hasApt) return { kind: 'install' };
  // dockerd itself says best what it lacks.
  if (found.canBeRoot && found.dockerd !== undefined) return { kind: 'start' };
  return { kind: 'impossible', whatToDo: whatToDo(found) };
}

function whatToDo(found: EngineFindings): string {
  if (found.canBeRoot)
    return `There is no Docker engine and no apt to install one with. Install one, ${alternatives}.`;
  if (found.defaultSocketExists) {
    return (
      'The Docker engine at /var/run/docker.sock does not answer this user. ' +
      `Start it, or add the user to the group docker (\`sudo usermod -aG docker $USER\`, then log in again), ${alternatives}.`
    );
  }
  const first =
    found.dockerd === undefined ? 'There is no Docker engine' : 'Docker is installed but does not run';
  return `${first}, and without root or sudo none can be started. Start one as root (Debian: \`apt-get install docker.io\`), ${alternatives}.`;
}
