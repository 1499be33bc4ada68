/** The state of the machine if neither DOCKER_HOST nor the default socket has an engine that answers. */
export interface EngineFindings {
  /** An engine of ours answers. An earlier run, or one beside this, has started it. */
  readonly ownAnswers: boolean;
  /** The path of dockerd. */
  readonly dockerd: string | undefined;
  /** True if programs that dockerd calls are missing, for example after an interrupted installation. */
  readonly lacksParts: boolean;
  /** True if we are root or can become root through sudo. */
  readonly canBeRoot: boolean;
  readonly hasApt: boolean;
  /** True if the machine's engine has a socket, although it does not answer us. */
  readonly defaultSocketExists: boolean;
}

type EngineChoice =
  | { readonly kind: 'adopt' }
  | { readonly kind: 'start' }
  | { readonly kind: 'install' }
  | { readonly kind: 'impossible'; readonly whatToDo: string };

const alternatives = 'or set DOCKER_HOST to one that you may use';

/** Decides the source of an engine: our running one, the installed one, a newly installed one, or none. */
export function chooseEngine(found: EngineFindings): EngineChoice {
  if (found.canBeRoot && found.ownAnswers) return { kind: 'adopt' };
  if (found.canBeRoot && found.dockerd !== undefined && !found.lacksParts) return { kind: 'start' };
  if (found.canBeRoot && found.hasApt) return { kind: 'install' };
  // The error of dockerd itself is the best description of the missing parts.
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
