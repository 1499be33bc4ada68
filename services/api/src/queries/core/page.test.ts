import { byCreation } from '@berth/shared/model/cell/creation-order';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxPageSize } from '../../gateway/core/limits.js';
import { fittingItems } from './answer-size.js';
import { type PageOf, pageOf as pageOrSize, pageViolations } from './page.js';

const item = fc.record({ id: fc.string({ minLength: 1, maxLength: 5 }), createdAtMs: fc.nat(3) });
const itemList = fc.uniqueArray(item, { selector: ({ id }) => id }).map((items) => items.sort(byCreation));

/** The page, or an error if it does not fit. */
function pageOf<T extends Item>(...asked: Parameters<typeof pageOrSize<T>>): PageOf<T> {
  const page = pageOrSize(...asked);
  if ('fittingSize' in page) throw new RangeError(String(page.fittingSize));
  return page;
}

type Item = { readonly id: string; readonly createdAtMs: number };

describe('pageOf', () => {
  it('returns every item exactly once although pages end early, by cursor and by number', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(itemList, sizes, fc.integer({ min: 1, max: 12 }), (all, bytes, pageSize) => {
        const bytesOf = (one: Item) => bytes[all.indexOf(one) % bytes.length] ?? 1;
        const fitting = (some: readonly Item[]) =>
          fittingItems(some, { atMost: bytesOf, exactly: bytesOf }, 10);
        const byCursor: Item[] = [];
        for (
          let cursor: string | undefined, isFirst = true;
          isFirst || cursor !== undefined;
          isFirst = false
        ) {
          const page = pageOf(all, { page: { pageNumber: 0, pageSize }, cursor }, fitting);
          expect(page.pagination.hasMore).toBe(page.nextCursor !== undefined);
          byCursor.push(...page.items);
          cursor = page.nextCursor;
        }
        expect(byCursor).toEqual(all);
        expect(readByNumber(all, pageSize, fitting)).toEqual(all);
      }),
    );
  });

  it('returns every item exactly once over all pages, in order', () => {
    fc.assert(
      fc.property(itemList, fc.integer({ min: 1, max: 5 }), (all, pageSize) => {
        const pages = Math.ceil(all.length / pageSize);
        const seen = Array.from({ length: pages + 1 }, (_, pageNumber) =>
          pageOf(all, { page: { pageNumber, pageSize } }),
        );
        expect(seen.flatMap((page) => page.items)).toEqual(all);
        expect(seen.map(({ pagination }) => pagination.hasMore)).toEqual(
          seen.map((_, index) => index < pages - 1),
        );
        expect(seen[0]?.pagination).toMatchObject({ totalItems: all.length, totalPages: pages });
      }),
    );
  });

  it('with cursors returns each remaining item exactly once while others come and go', () => {
    const run = fc.record({
      all: itemList,
      pageSize: fc.integer({ min: 1, max: 4 }),
      // The items that are removed or added between two pages.
      changes: fc.array(fc.record({ gone: fc.nat(30), come: item }), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(run, ({ all, pageSize, changes }) => {
        const stay = new Set(all.map(({ id }) => id));
        let now = all;
        const seen: string[] = [];
        let cursor: string | undefined;
        for (let turn = 0; ; turn += 1) {
          const page = pageOf(now, { page: { pageNumber: 0, pageSize }, cursor });
          seen.push(...page.items.map(({ id }) => id));
          cursor = page.nextCursor;
          if (cursor === undefined) break;
          const change = changes[turn];
          if (change === undefined) continue;
          const gone = now[change.gone]?.id;
          if (gone !== undefined) stay.delete(gone);
          const kept = now.filter(({ id }) => id !== gone && id !== change.come.id);
          if (kept.length + (gone === undefined ? 0 : 1) < now.length) stay.delete(change.come.id);
          now = [...kept, change.come].sort(byCreation);
        }
        for (const id of stay) expect(seen.filter((each) => each === id)).toEqual([id]);
      }),
    );
  });

  it('returns the first page by default', () => {
    const all = Array.from({ length: 150 }, (_, createdAtMs) => ({ id: `i${createdAtMs}`, createdAtMs }));
    const { items, pagination } = pageOf(all, { page: undefined });
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
  const fieldsOf = (request: Parameters<typeof pageViolations>[0]) =>
    pageViolations(request).map(({ field }) => field);

  it('refuses impossible pages', () => {
    expect(fieldsOf({ page: { pageNumber: -1, pageSize: 0 } })).toEqual(['page.pageNumber', 'page.pageSize']);
    expect(fieldsOf({ page: { pageNumber: 0, pageSize: maxPageSize + 1 } })).toHaveLength(1);
    expect(fieldsOf({ page: { pageNumber: 0, pageSize: 1 } })).toEqual([]);
    expect(fieldsOf({ page: undefined })).toEqual([]);
  });

  it('refuses invalid cursors, and page numbers beside a cursor', () => {
    const all = [
      { id: 'a', createdAtMs: 1 },
      { id: 'b', createdAtMs: 2 },
    ];
    const cursor = pageOf(all, { page: { pageNumber: 0, pageSize: 1 } }).nextCursor;
    expect(fieldsOf({ page: undefined, cursor })).toEqual([]);
    expect(fieldsOf({ page: { pageNumber: 1, pageSize: 1 }, cursor })).toEqual(['page.pageNumber']);
    for (const odd of ['', '!', 'abc', 'QA', 'x'.repeat(1000)])
      expect(fieldsOf({ page: undefined, cursor: odd })).toEqual(['metadata berth-cursor']);
  });
});

/** Reads page after page by number, and begins again with the size that a refusal names. */
function readByNumber(
  all: readonly Item[],
  pageSize: number,
  fitting: (items: readonly Item[]) => number,
): readonly Item[] {
  const seen: Item[] = [];
  for (let pageNumber = 0; ; pageNumber += 1) {
    const page = pageOrSize(all, { page: { pageNumber, pageSize } }, fitting);
    if ('fittingSize' in page) {
      expect(page.fittingSize).toBeLessThan(pageSize);
      return readByNumber(all, page.fittingSize, fitting);
    }
    seen.push(...page.items);
    if (page.pagination.totalPages <= pageNumber + 1) return seen;
  }
}
