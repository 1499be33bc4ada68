import { type DeepPartial, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import { systemClock } from '@berth/shared/process/clock';
import { describe, expect, it } from 'vitest';
import { ImageResolver, type ResolutionMode } from './image-resolver.js';
import type { Lookup } from './registry-client.js';
import type { RegistryImage } from './registry-image.js';

const digest = `sha256:${'a'.repeat(64)}`;
const timeoutMs = 50;
const never = new AbortController().signal;

/** A resolver with registries that answer as the test says, and a clock that only the test moves. */
class Scene {
  readonly asked: string[] = [];
  readonly resolver: ImageResolver;
  nowMs = 1_000;

  constructor(mode: ResolutionMode, answer: (image: RegistryImage, signal: AbortSignal) => Promise<Lookup>) {
    this.resolver = new ImageResolver({
      mode,
      timeoutMs,
      registries: {
        findDigest: (image, signal) => {
          this.asked.push(`${image.registry}/${image.path}:${image.reference}`);
          return answer(image, signal);
        },
      },
      clock: {
        nowMs: () => this.nowMs,
        // Pauses between attempts end at once.
        sleep: async (ms, signal) => (ms === timeoutMs ? systemClock.sleep(ms, signal) : undefined),
      },
    });
  }

  resolve(containers: DeepPartial<JobDescriptor>['containers'], signal = never): Promise<JobDescriptor> {
    const labels = { [imageResolutionLabel]: 'of an earlier submission', other: 'x' };
    return this.resolver.resolve(JobDescriptor.fromPartial({ containers: containers ?? {}, labels }), signal);
  }
}

const main = (name: string) => ({ main: { image: { name } } });
const found = async (): Promise<Lookup> => ({ outcome: 'found', digest });
const silent = async (): Promise<Lookup> => ({ outcome: 'unanswered', why: 'it is silent' });

describe('the resolution of images', () => {
  it('asks once for an image that several containers have', async () => {
    const scene = new Scene('best-effort', found);
    const image = { image: { name: 'reg:1/a' } };
    const { containers, labels } = await scene.resolve({ one: image, two: image });
    expect(scene.asked).toEqual(['reg:1/a:latest']);
    expect([containers.one?.image?.imageId, containers.two?.image?.imageId]).toEqual([digest, digest]);
    expect(labels).toEqual({ other: 'x' });
  });

  it('asks Docker Hub for names without a registry only if an answer is required', async () => {
    const required = new Scene('required', found);
    await required.resolve(main('busybox:1'));
    expect(required.asked).toEqual(['docker.io/library/busybox:1']);
    const bestEffort = new Scene('best-effort', found);
    const { labels } = await bestEffort.resolve(main('busybox:1'));
    expect(bestEffort.asked).toEqual([]);
    expect(labels[imageResolutionLabel]).toBe('skipped: main: the name has no registry');
  });

  it("uses a digest in the name as the id, also without a registry's answer", async () => {
    const scene = new Scene('best-effort', silent);
    const { containers, labels } = await scene.resolve({
      hub: { image: { name: `busybox@${digest}` } },
      silent: { image: { name: `reg:1/a@${digest}` } },
    });
    expect([containers.hub?.image?.imageId, containers.silent?.image?.imageId]).toEqual([digest, digest]);
    expect(labels).toEqual({ other: 'x' });
  });

  it('names every image that is unknown', async () => {
    const scene = new Scene('best-effort', async () => ({ outcome: 'unknown' }));
    const refused = scene.resolve({
      one: { image: { name: 'reg:1/a' } },
      two: { image: { name: 'reg:1/b' } },
    });
    const error = await refused.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(BerthError);
    expect((error as BerthError).violations.map(({ field }) => field)).toEqual([
      'containers["one"].image.name',
      'containers["two"].image.name',
    ]);
  });

  it('asks a silent registry twice, and then not again for a while', async () => {
    const scene = new Scene('best-effort', silent);
    await scene.resolve(main('reg:1/a'));
    expect(scene.asked).toHaveLength(2);
    const { labels } = await scene.resolve(main('reg:1/b'));
    expect(scene.asked).toHaveLength(2);
    expect(labels[imageResolutionLabel]).toMatch('did not answer a moment ago');
    await scene.resolve(main('reg:2/c'));
    expect(scene.asked).toHaveLength(4);
    scene.nowMs += 5_000;
    await scene.resolve(main('reg:1/b'));
    expect(scene.asked).toHaveLength(6);
  });

  it('asks again at each submission if an answer is required', async () => {
    const scene = new Scene('required', silent);
    for (let round = 1; round <= 2; round += 1) {
      await expect(scene.resolve(main('reg:1/a'))).rejects.toMatchObject({ code: 'unavailable' });
      expect(scene.asked).toHaveLength(2 * round);
    }
  });

  it('waits no longer than it may', async () => {
    const hanging = (_: RegistryImage, signal: AbortSignal) =>
      new Promise<Lookup>((resolve) => {
        signal.addEventListener('abort', () => resolve({ outcome: 'unanswered', why: 'it took too long' }));
      });
    const { labels } = await new Scene('best-effort', hanging).resolve(main('reg:1/a'));
    expect(labels[imageResolutionLabel]).toBe(
      'skipped: main: registry reg:1 did not answer: it took too long',
    );
  });

  it("does not count a caller's cancellation as a failure of the registry", async () => {
    const leaving = new AbortController();
    const scene = new Scene('best-effort', async () => {
      leaving.abort(new Error('gone'));
      return { outcome: 'unanswered', why: 'aborted' };
    });
    await expect(scene.resolve(main('reg:1/a'), leaving.signal)).rejects.toThrow('gone');
    await scene.resolve(main('reg:1/a')).catch(() => {});
    expect(scene.asked.length).toBeGreaterThan(1);
  });

  it('changes only the note if it is off', async () => {
    const scene = new Scene('off', found);
    const { containers, labels } = await scene.resolve(main('reg:1/a'));
    expect([containers.main?.image?.imageId, labels, scene.asked]).toEqual(['', { other: 'x' }, []]);
  });
});
