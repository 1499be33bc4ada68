/*
 * The host policy: the operator of an agent allows containers to use parts of the host. If a job asks for
 * more, the task fails with the name of the missing permission. It does not run with less.
 */
import type { NetworkMode } from '@berth/shared/model/job/container-network';
import type { SecurityProfile } from '@berth/shared/model/job/security-profile';

/** The operator's permissions. The one for privileged containers includes all others. */
export interface HostPolicy {
  readonly allowsPrivileged?: boolean;
  readonly allowsHostNetwork?: boolean;
  /**
   * Permits containers without seccomp or AppArmor, or with the job's own seccomp profile. Such a profile may
   * protect no more than none.
   */
  readonly allowsUnconfined?: boolean;
  /** Capabilities beyond {@link defaultCapabilities}. `ALL` stands for all. */
  readonly allowedCapabilities?: ReadonlySet<string>;
}

/** The capabilities that engines give by default. A job that names them asks for nothing more. */
const defaultCapabilities: ReadonlySet<string> = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP ' +
    'SETUID SYS_CHROOT'
  ).split(' '),
);

/** The container's requests. */
interface Wanted {
  readonly security: SecurityProfile;
  /** Undefined if the container names no network itself. */
  readonly network: NetworkMode | undefined;
}

/** Returns every request of the container that the operator does not permit. */
export function policyViolations({ security, network }: Wanted, policy: HostPolicy): readonly string[] {
  if (policy.allowsPrivileged) return [];
  const problems: string[] = [];
  const refuse = (field: string, what: string) =>
    problems.push(`${field}: the operator of this agent allows no ${what}`);
  if (security.privileged) refuse('securityProfile.privileged', 'privileged containers');
  const given = policy.allowedCapabilities ?? new Set();
  const refused = security.addedCapabilities.filter(
    (name) => !defaultCapabilities.has(name) && !given.has(name) && !given.has('ALL'),
  );
  if (refused.length > 0) refuse('securityProfile.capabilities', refused.join(', '));
  if (!policy.allowsUnconfined) {
    if (security.seccomp !== undefined)
      refuse('securityProfile.seccomp', `seccomp profiles but the engine's own`);
    if (security.apparmor === 'unconfined') refuse('securityProfile.apparmor', 'containers without AppArmor');
  }
  if (network === 'host' && !policy.allowsHostNetwork)
    refuse('parameters["network"]', "containers on the host's network");
  return problems;
}
