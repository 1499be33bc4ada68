/**
 * The usual first solution, for comparison: a gRPC server that encodes and writes each change for each
 * subscriber.
 */

import { openJobChanges } from '@berth/api/testing/job-changes';
import {
  type JobChangeNotification,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { openStore } from '@berth/store';
import { Replica } from '@berth/store/replica';
import { type handleServerStreamingCall, Server, ServerCredentials } from '@grpc/grpc-js';

const [url = '', cell = ''] = process.argv.slice(2);
const store = await openStore({ url, cell });
const replica = await Replica.start(store.openLogReader({ follows: true }));
const changes = openJobChanges(replica);

const observeJobs: handleServerStreamingCall<unknown, JobChangeNotification> = (stream) => {
  stream.write({ notification: { $case: 'snapshotEnd', value: {} } });
  const leave = changes.subscribe({
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
