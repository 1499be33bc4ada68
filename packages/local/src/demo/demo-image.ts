import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import type { Progress } from '../output/progress.js';
import { busyboxApplets, obtainBusybox } from '../setup/busybox.js';
import { imageTar } from './image-tar.js';

/** The image of the demo and the tests. Its tag rises when its content changes. */
export const demoImage = 'berth/busybox:1';

const notFound = 404;

/** Makes sure that the engine has the demo image. A missing image is made without any registry. */
export async function ensureDemoImage(docker: Docker, home: string, progress: Progress): Promise<string> {
  if (await hasImage(docker, demoImage)) return demoImage;
  const busybox = await obtainBusybox(home, progress);
  await progress.step(`Make the image ${demoImage}`, () => importBusybox(docker, busybox));
  return demoImage;
}

async function hasImage(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).inspect();
    return true;
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === notFound) return false;
    throw error;
  }
}

async function importBusybox(docker: Docker, busyboxPath: string): Promise<void> {
  const [repo = demoImage, tag = 'latest'] = demoImage.split(':');
  const tar = imageTar(await readFile(busyboxPath), await busyboxApplets(busyboxPath));
  const answer = await docker.importImage(tar, {
    repo,
    tag,
    changes: ['CMD ["/bin/sh"]', 'ENV PATH=/bin'],
  });
  // The engine answers 200 at once, and reports a failure in the body.
  const body = await text(answer);
  const failure = body.split('\n').find((line) => line.includes('"error"'));
  if (failure !== undefined) throw new Error(`the engine did not take the image: ${failure}`);
}
