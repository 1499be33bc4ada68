import { describe, expect, it } from 'vitest';
import { mountsBelow } from './mounts.js';

const mountInfo = `22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /x/engine/data rw shared:2 - ext4 /dev/vda rw
31 30 0:31 / /x/engine/data/overlay2/1/merged rw - overlay overlay rw
32 22 0:4 net:[1] /x/engine/exec/netns/default rw - nsfs nsfs rw
33 22 0:40 / /x/engine-of-another/data rw - ext4 /dev/vda rw
34 22 0:41 / /x/engine/a\\040b rw - tmpfs tmpfs rw
`;

describe('mountsBelow', () => {
  it('names the mounts below a directory, inner ones first', () => {
    const points = mountsBelow(mountInfo, '/x/engine');
    expect(points).toHaveLength(4);
    expect(points.indexOf('/x/engine/data/overlay2/1/merged')).toBeLessThan(points.indexOf('/x/engine/data'));
  });

  it('ignores a directory whose name only has the same prefix', () => {
    expect(mountsBelow(mountInfo, '/x/engine')).not.toContain('/x/engine-of-another/data');
  });

  it('reads blanks in names', () => {
    expect(mountsBelow(mountInfo, '/x/engine')).toContain('/x/engine/a b');
  });
});
