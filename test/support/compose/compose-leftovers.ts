import type Docker from 'dockerode';

const projectLabel = 'com.docker.compose.project';
const cellLabel = 'berth.cell';
const projectName = /^berthtest(\d+)$/;

/** The name of this process's composition. It identifies the remains of a killed process. */
export const ownProject = `berthtest${process.pid}`;

/**
 * Removes the remains of compositions of killed test runs. Docker would keep them running, and start them
 * again with the machine.
 */
export async function removeDeadProjects(docker: Docker): Promise<void> {
  const containers = await docker.listContainers({ all: true });
  for (const { Id, Labels } of containers) {
    if (isDead(Labels[projectLabel]) || isDead(Labels[cellLabel])) {
      await docker.getContainer(Id).remove({ force: true, v: true });
    }
  }
  const filters = { label: [projectLabel] };
  for (const { Id, Labels } of await docker.listNetworks({ filters })) {
    if (isDead(Labels?.[projectLabel])) await docker.getNetwork(Id).remove();
  }
  for (const { Name, Labels } of (await docker.listVolumes({ filters })).Volumes) {
    if (isDead(Labels?.[projectLabel])) await docker.getVolume(Name).remove();
  }
  for (const tag of (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? [])) {
    if (isDead(tag.split('/')[0])) await docker.getImage(tag).remove({ force: true });
  }
}

/** True for the name of a test run's composition whose process is gone. */
function isDead(name: string | undefined): boolean {
  const pid = projectName.exec(name ?? '')?.[1];
  return pid !== undefined && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
