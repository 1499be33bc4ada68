/*
 * What a container may have of its host only with the consent of the agent's operator. Where a job asks for more, the task
 * fails by name rather than run with less.
 */
import type { NetworkMode } from '@berth/shared/model/job/container-network';
import type { SecurityProfile } from '@berth/shared/model/job/security-profile';

/** What the operator consents to. To privileged containers means to everything. */
export interface HostPolicy {
  readonly allowsPrivileged?: boolean;
  readonly allowsHostNetwork?: boolean;
  /** Containers without seccomp or AppArmor, or with a seccomp profile of the job's own, which may be as good as none. */
  readonly allowsUnconfined?: boolean;
  /** Capabilities beyond {@link usualCapabilities}; `ALL` stands for all. */
  readonly allowedCapabilities?: ReadonlySet<string>;
}

/** The capabilities that engines give by themselves: to name them asks for nothing more. */
export const defaultCapabilities: ReadonlySet<string> = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP ' +
    'SETUID SYS_CHROOT'
  ).split(' '),
);

/** What a container asks for. */
interface Wanted {
  readonly security: SecurityProfile;
  /** Where the container names one itself. */
  readonly network: NetworkMode | undefined;
}

/** Everything that the container asks for and the operator has not consented to. */
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
