import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxPageSize } from './limits.js';
import { pageOf, pageViolations } from './page.js';

describe('pageOf', () => {
  it('gives every item exactly once over all pages, in a stable order', () => {
    const items = fc.uniqueArray(fc.record({ id: fc.string(), createdAtMs: fc.nat(3) }), {
      selector: ({ id }) => id,
    });
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 5 }), (all, pageSize) => {
        const pages = Math.ceil(all.length / pageSize);
        const seen = Array.from({ length: pages + 1 }, (_, pageNumber) =>
          pageOf(all, { pageNumber, pageSize }),
        );
        const ids = seen.flatMap((page) => page.items.map(({ id }) => id));
        expect(ids).toHaveLength(all.length);
        expect(new Set(ids).size).toBe(all.length);
        const reversed = pageOf(all.toReversed(), { pageNumber: 0, pageSize });
        expect(reversed.items).toEqual(seen[0]?.items);
        expect(seen.map(({ pagination }) => pagination.hasMore)).toEqual(
          seen.map((_, index) => index < pages - 1),
        );
        expect(seen[0]?.pagination).toMatchObject({ totalItems: all.length, totalPages: pages });
      }),
    );
  });

  it('gives the first page where none is asked for', () => {
    const all = Array.from({ length: 150 }, (_, createdAtMs) => ({ id: `i${createdAtMs}`, createdAtMs }));
    const { items, pagination } = pageOf(all, undefined);
    expect(items).toHaveLength(100);
    expect(pagination).toEqual({
      currentPage: { pageNumber: 0, pageSize: 100 },
      hasMore: true,
      totalPages: 2,
      totalItems: 150,
    });
  });
});

describe('pageViolations', () => {
  it('refuses pages that there cannot be', () => {
    expect(pageViolations({ pageNumber: -1, pageSize: 0 }).map(({ field }) => field)).toEqual([
      'page.pageNumber',
      'page.pageSize',
    ]);
    expect(pageViolations({ pageNumber: 0, pageSize: maxPageSize + 1 })).toHaveLength(1);
    expect(pageViolations({ pageNumber: 0, pageSize: 1 })).toEqual([]);
    expect(pageViolations(undefined)).toEqual([]);
  });
});
