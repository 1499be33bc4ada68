/**
 * The usual first solution, for comparison: a gRPC server that encodes and writes each change for each
 * subscriber.
 */

import { ObserveHub } from '@berth/api/observe/stream/observe-hub';
import { jobFeed } from '@berth/api/observe/titus/feeds';
import { tuned } from '@berth/api/tuning/observe-tuning';
import {
  type JobChangeNotification,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { silentLogger } from '@berth/shared/process/logger';
import { openStore } from '@berth/store';
import { Replica } from '@berth/store/replica';
import { type handleServerStreamingCall, Server, ServerCredentials } from '@grpc/grpc-js';

const [url = '', cell = ''] = process.argv.slice(2);
const store = await openStore({ url, cell });
const replica = await Replica.start(store.openLogReader({ follows: true }));
const hub = new ObserveHub(jobFeed, replica, silentLogger, tuned.subscribersPerTurn);

const observeJobs: handleServerStreamingCall<unknown, JobChangeNotification> = (stream) => {
  stream.write({ notification: { $case: 'snapshotEnd', value: {} } });
  const leave = hub.subscribeAll({
    offer: (notifications) => {
      for (const notification of notifications)
        if (notification.kind === 'task')
          stream.write({
            notification: { $case: 'taskUdate', value: { task: notification.task.record.task } },
          });
    },
    fail: (error) => stream.destroy(error),
  });
  stream.on('cancelled', leave);
};

const server = new Server();
const { observeJobs: definition } = JobManagementServiceService;
server.addService({ observeJobs: definition }, { observeJobs });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
process.on('disconnect', () => process.exit(0));
