import { type Page, Pagination } from '@berth/shared/gen/netflix/titus/titus_base';
import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { defaultPageSize, maxPageSize } from '../../gateway/core/limits.js';
import { firstFrom } from '../../gateway/core/sorted-list.js';

/** One page of a list, and its position in the whole list. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly pagination: Pagination;
  /** The cursor of the next page; undefined on the last one. */
  readonly nextCursor?: string;
}

/** The requested page: its number, or the cursor of the item before it. */
export interface PageRequest {
  readonly page: Page | undefined;
  readonly cursor?: string | undefined;
}

/** The metadata key of a cursor, in requests and in the trailers of answers. */
export const cursorKey = 'berth-cursor';

/**
 * Returns all violations of a request for a page. A request without a page gets the first one, of the default
 * size.
 */
export function pageViolations({ page, cursor }: PageRequest): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string) => violations.push({ field, description });
  if (cursor !== undefined && parseCursor(cursor) === undefined)
    refuse(`metadata ${cursorKey}`, 'is no cursor of an earlier answer');
  if (page === undefined) return violations;
  if (page.pageNumber < 0) refuse('page.pageNumber', `is ${page.pageNumber}, but pages count from 0`);
  if (page.pageNumber > 0 && cursor !== undefined)
    refuse('page.pageNumber', `is ${page.pageNumber}, but with a cursor there are no page numbers`);
  if (page.pageSize < 1 || page.pageSize > maxPageSize)
    refuse('page.pageSize', `is ${page.pageSize}, but must be from 1 to ${maxPageSize}`);
  return violations;
}

/**
 * Returns the page of the items. They must be in the order of creation, and the request must be valid. A page
 * of more items than `fitting` allows ends early, and its pagination says how many it holds. A page with a
 * number beyond 0 would lose items that way: it is not answered, and the size that fits is returned.
 */
export function pageOf<T extends Created>(
  sorted: readonly T[],
  { page, cursor }: PageRequest,
  fitting: (items: readonly T[]) => number = (items) => items.length,
): PageOf<T> | { readonly fittingSize: number } {
  const { pageNumber, pageSize } = page ?? { pageNumber: 0, pageSize: defaultPageSize };
  const start = cursor === undefined ? pageNumber * pageSize : placeAfter(sorted, cursor);
  const asked = sorted.slice(start, start + pageSize);
  const fits = fitting(asked);
  if (pageNumber > 0) {
    // The caller goes on from page 0. If that one ended early, the items after its end are on no page.
    const first = sorted.slice(0, pageSize);
    const fitsFirst = fitting(first);
    if (fits < asked.length || fitsFirst < first.length)
      return { fittingSize: Math.max(1, Math.min(fits < asked.length ? fits : pageSize, fitsFirst)) };
  }
  const size = fits < asked.length ? fits : pageSize;
  const items = asked.slice(0, size);
  const hasMore = start + size < sorted.length;
  const last = items.at(-1);
  return {
    items,
    pagination: Pagination.fromPartial({
      currentPage: { pageNumber: Math.floor(start / size), pageSize: size },
      hasMore,
      totalPages: Math.ceil(sorted.length / size),
      totalItems: sorted.length,
    }),
    ...(hasMore && last !== undefined ? { nextCursor: cursorAt(last) } : {}),
  };
}

/** The cursor's item may be gone. The items that were created after it still follow. */
function placeAfter(sorted: readonly Created[], cursor: string): number {
  const item = parseCursor(cursor);
  if (item === undefined) return 0;
  const place = firstFrom(sorted, item);
  const there = sorted[place];
  return there !== undefined && byCreation(there, item) === 0 ? place + 1 : place;
}

/** Returns the cursor of the items after this one. */
export function cursorAt({ id, createdAtMs }: Created): string {
  return Buffer.from(`${createdAtMs}@${id}`).toString('base64url');
}

function parseCursor(cursor: string): Created | undefined {
  if (!/^[A-Za-z0-9_-]{1,600}$/.test(cursor)) return undefined;
  const match = /^(\d{1,15})@(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString());
  const [, createdAtMs, id] = match ?? [];
  return createdAtMs === undefined || id === undefined ? undefined : { id, createdAtMs: Number(createdAtMs) };
}
