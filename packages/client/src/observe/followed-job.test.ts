import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { expect, it } from 'vitest';
import { FollowedJobModel } from './followed-job.js';

it('emits a redefinition of the job that happened during a lost connection', () => {
  const model = new FollowedJobModel();
  const views = (appName: string) =>
    model.apply(
      JobChangeNotification.fromPartial({
        notification: { $case: 'jobSnapshot', value: { job: { id: 'a', jobDescriptor: { appName } } } },
      }),
    );
  expect(views('one')).toHaveLength(1);
  expect(views('one')).toHaveLength(0);
  expect(views('two').map(({ job }) => job.jobDescriptor?.appName)).toEqual(['two']);
});
