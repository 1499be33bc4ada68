/** The common parts of all queries for lists. */
import type { Page } from '@berth/shared/gen/netflix/titus/titus_base';
import type { Created } from '@berth/shared/model/cell/creation-order';
import { BerthError, type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { header } from '../gateway/request-checks.js';
import { fittingItems, type ItemSize } from './core/answer-size.js';
import type { Criteria } from './core/criteria.js';
import { cursorKey, type PageOf, type PageRequest, pageOf, pageViolations } from './core/page.js';
import { type FieldSelection, parseSelection, type Shape } from './core/projection.js';

export interface AnyQuery {
  readonly page: Page | undefined;
  readonly fiterlingCriteria: Criteria;
  readonly fields: readonly string[];
}

interface Refused {
  readonly violations: readonly FieldViolation[];
}

/** How a kind of query is read. */
export interface QueryReader<F extends object> {
  readonly parse: (criteria: Criteria) => { readonly filter: F } | Refused;
  /** The fields that a query may select. */
  readonly shape: Shape;
  /** Violations of other parts of the query. */
  readonly others?: readonly FieldViolation[];
}

interface ParsedQuery<F> {
  readonly filter: F;
  readonly selection: FieldSelection;
  readonly page: PageRequest;
}

/** Returns the parsed query, or fails with INVALID_ARGUMENT and all violations. */
export function parseQuery<F extends object>(
  query: AnyQuery,
  call: CallContext,
  reader: QueryReader<F>,
): ParsedQuery<F> {
  const { filter, fields, page, violations } = readQuery(query, header(call, cursorKey), reader);
  if ('violations' in filter || 'violations' in fields || violations.length > 0)
    throw invalidFields(violations);
  return { filter: filter.filter, selection: fields.selection, page };
}

/** Returns all violations of a query. */
export function queryViolations(
  query: AnyQuery,
  cursor: string | undefined,
  reader: QueryReader<object>,
): readonly FieldViolation[] {
  return readQuery(query, cursor, reader).violations;
}

function readQuery<F extends object>(
  query: AnyQuery,
  cursor: string | undefined,
  { parse, shape, others = [] }: QueryReader<F>,
) {
  const filter = parse(query.fiterlingCriteria);
  const fields = parseSelection(query.fields, shape);
  const page: PageRequest = { page: query.page, cursor };
  const violations = [
    ...others,
    ...('violations' in filter ? filter.violations : []),
    ...('violations' in fields ? fields.violations : []),
    ...pageViolations(page),
  ];
  return { filter, fields, page, violations };
}

/** A list in the order of creation, and the size of its items in an answer. */
interface Listed<T> {
  readonly sorted: readonly T[];
  readonly size: ItemSize<T>;
}

/**
 * Returns the page, as far as one answer holds it. The cursor of the next page goes into the trailer. Fails
 * with RESOURCE_EXHAUSTED if the page has a number and does not fit.
 */
export function answerPage<T extends Created>(
  call: CallContext,
  { sorted, size }: Listed<T>,
  request: PageRequest,
): PageOf<T> {
  const page = pageOf(sorted, request, (items) => fittingItems(items, size));
  if ('fittingSize' in page) throw tooLarge(request, page.fittingSize);
  if (page.nextCursor !== undefined) call.setTrailer(cursorKey, page.nextCursor);
  return page;
}

function tooLarge({ page }: PageRequest, fittingSize: number): BerthError {
  const asked = `Pages of ${page?.pageSize} items are too large for one answer`;
  const remedy = `begin again with pages of ${fittingSize}, or page by the cursor in ${cursorKey}`;
  return new BerthError('resourceExhausted', `${asked}: ${remedy}.`);
}
