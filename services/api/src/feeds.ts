/** What the gateway's observe streams are fed with. */
import { type Notification, notificationsOf } from './core/observe.js';
import { type ClusterNotification, clusterNotificationsOf } from './core/observe-clusters.js';
import type { Feed } from './observe-hub.js';

export const jobFeed: Feed<Notification> = {
  notificationsOf,
  topicOf: ({ jobId }) => jobId,
};

export const clusterFeed: Feed<ClusterNotification> = {
  notificationsOf: clusterNotificationsOf,
  topicOf: ({ clusterId }) => clusterId,
};
