import { Job, JobChangeNotification, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { stateName } from '@berth/shared/model/task/task-state';

/*
 * Output for programs. It is the API's own JSON (the Protobuf mapping), with one difference: a state is
 * always spelled out. The mapping leaves out zero values, and an absent state would be a poor way to say
 * QUEUED.
 */

type JsonObject = Readonly<Record<string, unknown>>;

export function taskJson(task: Task): JsonObject {
  return { ...asObject(Task.toJSON(task)), state: stateJson(task.state) };
}

export function jobJson(job: Job): JsonObject {
  return { ...asObject(Job.toJSON(job)), jobState: stateJson(job.jobState), tasks: job.tasks.map(taskJson) };
}

export function notificationJson(message: JobChangeNotification): JsonObject {
  const { notification } = message;
  if (notification?.$case === 'taskUdate' && notification.value.task !== undefined) {
    return { taskUdate: { task: taskJson(notification.value.task) } };
  }
  if (notification?.$case === 'jobSnapshot' && notification.value.job !== undefined) {
    return { jobSnapshot: { job: jobJson(notification.value.job) } };
  }
  return asObject(JobChangeNotification.toJSON(message));
}

function stateJson(state: Task['state'] | Job['jobState']): JsonObject {
  return { state: stateName(state?.state ?? 0), reason: state?.reason ?? '' };
}

function asObject(json: unknown): JsonObject {
  return json as JsonObject;
}
