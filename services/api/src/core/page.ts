import { type Page, Pagination } from '@berth/shared/gen/netflix/titus/titus_base';
import type { FieldViolation } from '@berth/shared/model/errors';
import { defaultPageSize, maxPageSize } from './limits.js';

/** One page of a list, and where it stands in the whole. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly pagination: Pagination;
}

/** What pages are ordered by: first come, first listed; of two at the same time, the smaller id. */
export interface Created {
  readonly id: string;
  readonly createdAtMs: number;
}

/** Everything that is wrong with a request for a page. A request for none is for the first, of the default size. */
export function pageViolations(page: Page | undefined): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (page === undefined) return violations;
  if (page.pageNumber < 0)
    violations.push({
      field: 'page.pageNumber',
      description: `is ${page.pageNumber}, but pages count from 0`,
    });
  if (page.pageSize < 1 || page.pageSize > maxPageSize) {
    violations.push({
      field: 'page.pageSize',
      description: `is ${page.pageSize}, but must be from 1 to ${maxPageSize}`,
    });
  }
  return violations;
}

/** The page of the items, in the order of their creation. The page must be valid. */
export function pageOf<T extends Created>(all: readonly T[], page: Page | undefined): PageOf<T> {
  const { pageNumber, pageSize } = page ?? { pageNumber: 0, pageSize: defaultPageSize };
  const start = pageNumber * pageSize;
  return {
    items: all.toSorted(byCreation).slice(start, start + pageSize),
    pagination: Pagination.fromPartial({
      currentPage: { pageNumber, pageSize },
      hasMore: start + pageSize < all.length,
      totalPages: Math.ceil(all.length / pageSize),
      totalItems: all.length,
    }),
  };
}

export function byCreation(a: Created, b: Created): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
