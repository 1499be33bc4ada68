import { type JobCluster, JobClusterNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';

/** A subscriber of job clusters. It throws at once if the stream sends anything that is not allowed. */
export class ClusterSubscriber {
  readonly clusters = new Map<string, JobCluster>();
  readonly liveJobs = new Set<string>();
  readonly #finishedJobs = new Set<string>();
  readonly #removed = new Set<string>();
  isLive = false;

  receive(bytes: Uint8Array): void {
    const { notification } = JobClusterNotification.decode(bytes);
    // It only breaks the silence.
    if (notification === undefined) return;
    switch (notification.$case) {
      case 'jobClusterSnapshot': {
        const { jobCluster, jobIds } = notification.value;
        if (jobCluster === undefined) throw new Error('a snapshot without a cluster');
        this.#check(!this.isLive, `${jobCluster.id} came as a snapshot after the snapshot's end`);
        this.#check(!this.clusters.has(jobCluster.id), `${jobCluster.id} came twice in the snapshot`);
        this.clusters.set(jobCluster.id, jobCluster);
        for (const id of jobIds) this.#add(id);
        return;
      }
      case 'snapshotEnd':
        this.#check(!this.isLive, 'snapshotEnd came twice');
        this.isLive = true;
        return;
      case 'jobClusterDefinitionUpdate': {
        const { id } = notification.value;
        this.#check(this.isLive, 'a change before the end of the snapshot');
        this.#check(!this.#removed.has(id), `${id} was redefined after its removal`);
        const isSame = JSON.stringify(this.clusters.get(id)) === JSON.stringify(notification.value);
        this.#check(!isSame, `the definition of ${id} came twice`);
        this.clusters.set(id, notification.value);
        return;
      }
      case 'jobAdded':
        return this.#add(notification.value.jobId);
      case 'jobFinished': {
        const { jobId } = notification.value;
        this.#check(this.liveJobs.delete(jobId), `${jobId} finished, and was not live`);
        this.#finishedJobs.add(jobId);
        return;
      }
      case 'jobClusterRemoved':
        this.#check(this.clusters.delete(notification.value.id), 'a cluster was removed that was not there');
        this.#removed.add(notification.value.id);
        return;
      default:
        throw new Error('an empty notification');
    }
  }

  #add(jobId: string): void {
    this.#check(!this.liveJobs.has(jobId), `${jobId} was added twice`);
    this.#check(!this.#finishedJobs.has(jobId), `${jobId} was added after its end`);
    this.liveJobs.add(jobId);
  }

  #check(holds: boolean, otherwise: string): void {
    if (!holds) throw new Error(otherwise);
  }
}
