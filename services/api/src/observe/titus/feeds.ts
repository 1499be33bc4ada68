/** What the gateway's observe streams are fed with. */

import type { Feed } from '../stream/observe-hub.js';
import { type ClusterNotification, clusterNotificationsOf } from './core/cluster-notifications.js';
import { type Notification, notificationsOf } from './core/job-notifications.js';

export const jobFeed: Feed<Notification> = {
  notificationsOf,
  topicOf: ({ jobId }) => jobId,
};

export const clusterFeed: Feed<ClusterNotification> = {
  notificationsOf: clusterNotificationsOf,
  topicOf: ({ clusterId }) => clusterId,
};
