import type { FieldViolation } from '../errors/errors.js';

/** `Container.securityProfile`, parsed. */
export interface SecurityProfile {
  /** Passed on to the container, which may use it. */
  readonly iamRole?: string;
  readonly securityGroups: readonly string[];
  /** Name or number of the user, and after a colon of the group. */
  readonly user?: string;
  /** Linux capabilities without `CAP_`, beyond the engine's defaults. The operator has to allow them. */
  readonly addedCapabilities: readonly string[];
  readonly droppedCapabilities: readonly string[];
  readonly readOnlyRootfs: boolean;
  /** `unconfined`, or a profile as JSON; without it the engine's own. */
  readonly seccomp?: string;
  /** The name of a profile that the host has, or `unconfined`; without it the engine's own. */
  readonly apparmor?: string;
  /** Needs the consent of the agent's operator. */
  readonly privileged: boolean;
}

/**
 * The greatest total size of `securityProfile`, in bytes. A seccomp profile is by far the greatest part.
 */
export const maxSecurityProfileBytes = 64 * 1024;

const maxSecurityGroups = 20;

/** The names of all, and `ALL`: https://man7.org/linux/man-pages/man7/capabilities.7.html */
export const capabilities: ReadonlySet<string> = new Set(
  (
    'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE ' +
    'DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD ' +
    'NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT ' +
    'SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG ' +
    'WAKE_ALARM'
  ).split(' '),
);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads one key into the profile. A returned string says the form that its value should have. */
type Reader = (value: string, into: Mutable<SecurityProfile>) => string | undefined;

const readers: Readonly<Record<string, Reader>> = {
  iamRole: (value, into) => {
    if (!/^\S{1,2048}$/.test(value)) return 'the name of a role, without blanks';
    into.iamRole = value;
    return undefined;
  },
  securityGroups: (value, into) => {
    const groups = listOf(value);
    if (
      groups.length > maxSecurityGroups ||
      !groups.every((group) => /^[A-Za-z0-9._:/-]{1,128}$/.test(group))
    )
      return `1 to ${maxSecurityGroups} names of groups, separated by commas`;
    into.securityGroups = groups;
    return undefined;
  },
  user: (value, into) => {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/.test(value))
      return 'a user such as 1000, 1000:1000 or app:app';
    into.user = value;
    return undefined;
  },
  capabilities: readCapabilities,
  readOnlyRootfs: (value, into) => {
    into.readOnlyRootfs = value === 'true';
    return wantBoolean(value);
  },
  seccomp: (value, into) => {
    if (value === 'default') return undefined;
    if (value !== 'unconfined' && !isJsonObject(value))
      return 'default, unconfined, or a seccomp profile as JSON';
    into.seccomp = value;
    return undefined;
  },
  apparmor: (value, into) => {
    if (value === 'default') return undefined;
    if (!/^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$/.test(value))
      return 'default, unconfined, or the name of an AppArmor profile';
    into.apparmor = value;
    return undefined;
  },
  privileged: (value, into) => {
    into.privileged = value === 'true';
    return wantBoolean(value);
  },
};

/** The profile, or everything that is wrong with it. `path` names the map in the violations. */
export function parseSecurityProfile(
  map: Readonly<Record<string, string>>,
  path = 'securityProfile',
): { readonly profile: SecurityProfile } | { readonly violations: readonly FieldViolation[] } {
  const violations: FieldViolation[] = [];
  const refuse = (name: string, description: string) =>
    violations.push({ field: name === '' ? path : `${path}.${name}`, description });
  const profile: Mutable<SecurityProfile> = {
    securityGroups: [],
    addedCapabilities: [],
    droppedCapabilities: [],
    readOnlyRootfs: false,
    privileged: false,
  };
  const bytes = Object.entries(map).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > maxSecurityProfileBytes)
    refuse('', `has ${bytes} characters in all; at most ${maxSecurityProfileBytes} are allowed`);
  for (const [name, value] of Object.entries(map)) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    const wanted = read?.(value.trim(), profile);
    if (read === undefined)
      refuse(name.slice(0, 40), `is not known; known are ${Object.keys(readers).join(', ')}`);
    else if (wanted !== undefined) refuse(name, `is ${quote(value)}, but must be ${wanted}`);
  }
  return violations.length > 0 ? { violations } : { profile };
}

/** `NET_ADMIN` or `+NET_ADMIN` adds, `-CHOWN` drops; `CAP_` before a name is the same without. */
function readCapabilities(value: string, into: Mutable<SecurityProfile>): string | undefined {
  const wanted = listOf(value).map((item) => {
    const [, sign = '', name = ''] = /^([+-]?)(?:CAP_)?([A-Z_]+)$/.exec(item.toUpperCase()) ?? [];
    return { isDropped: sign === '-', name };
  });
  if (!wanted.every(({ name }) => capabilities.has(name)))
    return 'names of Linux capabilities, separated by commas, such as NET_ADMIN or -CHOWN';
  into.addedCapabilities = wanted.filter(({ isDropped }) => !isDropped).map(({ name }) => name);
  into.droppedCapabilities = wanted.filter(({ isDropped }) => isDropped).map(({ name }) => name);
  return undefined;
}

function listOf(value: string): readonly string[] {
  return value.split(',').map((item) => item.trim());
}

function wantBoolean(value: string): string | undefined {
  return value === 'true' || value === 'false' ? undefined : 'true or false';
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
