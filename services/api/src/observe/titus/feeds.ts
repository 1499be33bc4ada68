/** The feeds of the gateway's observe streams. */

import type { Feed } from '../stream/observe-hub.js';
import { type ClusterNotification, clusterNotificationsOf } from './core/cluster-notifications.js';
import { type JobNotification, jobNotificationsOf } from './core/job-notifications.js';

export const jobFeed: Feed<JobNotification> = {
  notificationsOf: jobNotificationsOf,
  topicOf: ({ jobId }) => jobId,
};

export const clusterFeed: Feed<ClusterNotification> = {
  notificationsOf: clusterNotificationsOf,
  topicOf: ({ clusterId }) => clusterId,
};
