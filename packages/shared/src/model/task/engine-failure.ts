/*
 * Finds whose fault a failed launch is, in the answer of a container engine. The texts are those of Docker
 * 20.10 to 28, with and without containerd's image store, of Podman, and of their runtimes runc and crun.
 */
import type { Fault } from './failure.js';

export type LaunchCall = 'pull' | 'create' | 'start';

/** The kinds of failures of a launch. */
export type LaunchFailureKind =
  /** There is no such image; for `start`: there is no such container. */
  | 'notFound'
  /** The same request will fail again. */
  | 'invalid'
  /** The container's state, or another container with its name, rules the call out. */
  | 'conflict'
  /** Another attempt may succeed. */
  | 'failed';

interface LaunchFailure {
  readonly kind: LaunchFailureKind;
  readonly fault: Fault;
}

interface TextRule extends LaunchFailure {
  readonly calls: readonly LaunchCall[];
  readonly text: RegExp;
}

const anyCall: readonly LaunchCall[] = ['pull', 'create', 'start'];
const ofContainer: readonly LaunchCall[] = ['create', 'start'];
const ofPull: readonly LaunchCall[] = ['pull'];

/** The first rule that fits decides. */
const textRules: readonly TextRule[] = [
  { calls: ['create'], text: /name .*is already in use/i, kind: 'conflict', fault: 'engine' },
  // The limit of the container is too small for its first process.
  { calls: ofContainer, text: /memory limit too low/i, kind: 'invalid', fault: 'job' },
  {
    calls: anyCall,
    text: /no space left on device|disk quota exceeded|input\/output error|structure needs cleaning/i,
    kind: 'failed',
    fault: 'host',
  },
  {
    calls: anyCall,
    text: /cannot allocate memory|too many open files|resource temporarily unavailable|pthread_create failed/i,
    kind: 'failed',
    fault: 'host',
  },
  // A hook fails because of the host's software, even if its text is about a missing file.
  {
    calls: ofContainer,
    text: /(?:running|executing)[^:]* hook|hook #\d+|nvidia|could not select device driver|CDI devices?|device information/i,
    kind: 'failed',
    fault: 'host',
  },
  {
    calls: ofContainer,
    text: /docker-init|container-init|catatonit|init binary|unknown (?:or invalid )?runtime|runtime name/i,
    kind: 'failed',
    fault: 'engine',
  },
  {
    calls: ofContainer,
    text: /storage-opt|storage option|CPU CFS|kernel does not support|not supported on cgroups?|seccomp is not enabled/i,
    kind: 'failed',
    fault: 'engine',
  },
  {
    calls: ofContainer,
    text: /decoding seccomp profile|no command (?:or entrypoint )?(?:specified|provided)/i,
    kind: 'invalid',
    fault: 'job',
  },
  // The engine's own programs are started by fork/exec. A container's command is not.
  {
    calls: ['start'],
    text: /(?<![/\w])exec:? ?["/].*(?:not found|no such file|permission denied|not a directory|is a directory|exec format error|invalid argument)/is,
    kind: 'invalid',
    fault: 'job',
  },
  {
    calls: ['start'],
    text: /exec format error|executable file \S+ not found|executable file not found|open executable|invoke a command/i,
    kind: 'invalid',
    fault: 'job',
  },
  {
    calls: ['start'],
    text: /chdir to cwd|working directory|unable to find (?:user|group)|no matching entries in (?:passwd|group)/i,
    kind: 'invalid',
    fault: 'job',
  },
  // Another program of the host has the port, or the engine may not give it.
  {
    calls: ofContainer,
    text: /address already in use|port is already allocated|bind: permission denied|privileged port/i,
    kind: 'failed',
    fault: 'port',
  },
  {
    calls: ofContainer,
    text: /cgroup|apparmor|seccomp|selinux|rlimit|error mounting/i,
    kind: 'failed',
    fault: 'host',
  },
  { calls: ofContainer, text: /network .*not found|Range of CPUs is/i, kind: 'failed', fault: 'host' },

  {
    calls: ofPull,
    text: /no such host|server gave HTTP response to HTTPS client|x509:|certificate/i,
    kind: 'failed',
    fault: 'registry',
  },
  { calls: ofPull, text: /toomanyrequests|rate limit|\b429\b/i, kind: 'failed', fault: 'transfer' },
  {
    calls: ofPull,
    text: /no matching manifest|no match for platform|no image found in (?:image|manifest)|platform.*does not match/i,
    kind: 'invalid',
    fault: 'image',
  },
  { calls: ofPull, text: /cannot be used on this platform/i, kind: 'invalid', fault: 'image' },
  {
    calls: ofPull,
    text: /manifest unknown|manifest for .* not found|repository does not exist|name unknown|not found: does not exist|(?:repository|reference|image) .*not found|: not found$/i,
    kind: 'notFound',
    fault: 'image',
  },
  {
    calls: ofPull,
    text: /invalid reference|repository name must|not a valid (?:repository|tag)|parsing (?:image )?reference|did not resolve to an alias/i,
    kind: 'invalid',
    fault: 'image',
  },
  {
    calls: ofPull,
    text: /unsupported manifest|media ?type .*(?:not|no longer) supported|unsupported media ?type|schema 1 support|invalid rootfs/i,
    kind: 'invalid',
    fault: 'image',
  },
  {
    calls: ofPull,
    text: /unauthorized|no basic auth|authentication required|authorization failed|insufficient_scope|forbidden|access to the .*denied|(?<!permission )\bdenied\b|status(?: code)?:? ?40[13]\b/i,
    kind: 'invalid',
    fault: 'image',
  },
];

/** A pull that the engine itself fails. */
const ofEngine =
  /register layer|permission denied|overlay(?:fs|2)|graphdriver|snapshotter|mkdir \/|layer does not exist/i;

/** Returns the kind and the fault of a launch that failed with that answer. */
export function launchFailure(call: LaunchCall, statusCode: number, text: string): LaunchFailure {
  const words = call === 'pull' ? withoutNames(text) : text;
  const rule = textRules.find((each) => each.calls.includes(call) && each.text.test(words));
  return rule ?? byStatus(call, statusCode, text);
}

/** Names of hosts and images in the text could look like the words of a rule. */
function withoutNames(text: string): string {
  return text.replace(/https?:\/\/[^\s"]*/g, 'URL').replace(/lookup \S+/g, 'lookup');
}

function byStatus(call: LaunchCall, statusCode: number, text: string): LaunchFailure {
  switch (statusCode) {
    case 400:
      return { kind: 'invalid', fault: 'job' };
    case 404:
      return isAbsent(call, text) ? { kind: 'notFound', fault: faultOfAbsence[call] } : engineFailed;
    case 409:
      return { kind: 'conflict', fault: 'engine' };
    default:
      return call === 'pull' && !ofEngine.test(text) ? transferFailed : engineFailed;
  }
}

/** Engines answer 500 for whatever went wrong between them and the registry. */
const transferFailed: LaunchFailure = { kind: 'failed', fault: 'transfer' };
const engineFailed: LaunchFailure = { kind: 'failed', fault: 'engine' };

const faultOfAbsence: Readonly<Record<LaunchCall, Fault>> = {
  pull: 'image',
  create: 'image',
  start: 'engine',
};

/** True if the container or image itself is absent, and not a part that the engine needs. */
function isAbsent(call: LaunchCall, text: string): boolean {
  return call !== 'start' || /no such container/i.test(text);
}
