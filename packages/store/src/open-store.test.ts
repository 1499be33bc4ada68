import { describe, expect, it } from 'vitest';
import { openStore } from './open-store.js';

describe('opening a store', () => {
  it.each(['', 'nowhere', 'memcached://127.0.0.1:1', 'redis:/x'])('refuses the address %j', async (url) => {
    await expect(openStore({ url, cell: 'c' })).rejects.toMatchObject({ code: 'invalidArgument' });
  });

  it('refuses the name of a cell that cannot be part of a key', async () => {
    const opening = openStore({ url: 'redis://127.0.0.1:1', cell: 'a{b}' });
    await expect(opening).rejects.toMatchObject({ code: 'invalidArgument' });
  });
});
