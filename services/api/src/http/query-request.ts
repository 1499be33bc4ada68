/*
 * Requests that are made of query parameters alone: lists, and subscriptions to the cell. Everything that is wrong with one is
 * found here, at once, and told by the names that its caller wrote; what the handler would find is asked of what it asks.
 */
import {
  ObservedKind,
  ObserveRequest,
  type ObserveRequest_Subscription,
} from '@berth/shared/gen/berth/v1/observe_service';
import { type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import { defaultPageSize } from '../gateway/core/limits.js';
import { idViolations } from '../gateway/request-checks.js';
import { parseObserveRequest } from '../observe/berth/core/observe-request.js';
import { clusterQueries } from '../queries/cluster-queries.js';
import { jobQueries, taskQueries } from '../queries/job-queries.js';
import { type AnyQuery, type QueryReader, queryViolations } from '../queries/paged-query.js';
import type { PathParams } from './router.js';
import type { Route, RpcName } from './routes.js';

/** Parameters of a list query with a meaning of their own; every other one is a criterion. */
export const pagingParams = ['pageNumber', 'pageSize'] as const;
export const fieldsParam = 'fields';

/** Parameters of a subscription with a meaning of their own; every other one is a criterion. */
export const subscriptionLists = ['kinds', 'jobFields', 'taskFields'] as const;
export const resumeParam = 'resumeFrom';

type Json = Readonly<Record<string, unknown>>;

interface Read {
  readonly json: Json;
  readonly violations: readonly FieldViolation[];
}

/** Whether an agent is drained decides what is found, not whether the criterion is right. */
const nothingDrains = () => false;

const readers: Partial<Record<RpcName, QueryReader<object>>> = {
  findJobs: jobQueries(nothingDrains),
  findTasks: taskQueries(nothingDrains),
  findJobClusters: clusterQueries,
};

export interface ListParts {
  readonly params: PathParams;
  readonly query: URLSearchParams;
  /** The header that goes on after an earlier page. */
  readonly cursor?: string | undefined;
}

/**
 * The message of a list query.
 * @throws BerthError invalidArgument that names every parameter which is wrong.
 */
export function listRequest(route: Route, { params, query, cursor }: ListParts): unknown {
  const page = pageIn(query);
  const json = {
    ...params,
    ...page.json,
    fields: listIn(query, fieldsParam),
    fiterlingCriteria: criteriaIn(query, [...pagingParams, fieldsParam]),
  };
  const message = route.request.fromJSON(json) as AnyQuery;
  // As it was written: the generated reader loses what cannot be a key of its own.
  const asked = { ...message, fiterlingCriteria: json.fiterlingCriteria };
  const reader = readers[route.rpc];
  const others = Object.entries(params).flatMap(([name, id]) => idViolations(name, id));
  const found = reader === undefined ? [] : queryViolations(asked, cursor, { ...reader, others });
  refuse([...page.violations, ...found]);
  return message;
}

/** A page number without a size is one of pages of the default size. */
function pageIn(query: URLSearchParams): Read {
  const given = pagingParams.flatMap((name) => {
    const text = query.get(name);
    return text === null ? [] : [{ name, text }];
  });
  const violations = given
    .filter(({ text }) => !isInt32(text))
    .map(({ name, text }) => ({ field: name, description: `is ${quote(text)}, but must be a whole number` }));
  const sound = given.filter(({ text }) => isInt32(text)).map(({ name, text }) => [name, text]);
  const page = { pageSize: String(defaultPageSize), ...Object.fromEntries(sound) };
  return { json: sound.length === 0 ? {} : { page }, violations: violations.map(asParameter) };
}

export interface SubscriptionParts {
  readonly query: URLSearchParams;
  /** The header that goes on after an event; it counts for more than the parameter. */
  readonly lastEventId?: string | undefined;
}

/**
 * The message that subscribes to the cell.
 * @throws BerthError invalidArgument that names every parameter which is wrong.
 */
export function subscriptionRequest({ query, lastEventId }: SubscriptionParts): unknown {
  const kinds = kindsIn(query);
  const position = positionIn(query, lastEventId);
  const [, ...fieldLists] = subscriptionLists;
  const filteringCriteria = criteriaIn(query, [...subscriptionLists, resumeParam]);
  const lists = Object.fromEntries(fieldLists.map((name) => [name, listIn(query, name)]));
  const message = ObserveRequest.fromJSON({
    subscription: { ...kinds.json, ...position.json, ...lists, filteringCriteria },
  });
  // As it was written: the generated reader loses what cannot be a key of its own.
  const asked = { ...(message.request?.value as ObserveRequest_Subscription), filteringCriteria };
  const parsed = parseObserveRequest(asked);
  const found = 'violations' in parsed ? parsed.violations : [];
  refuse([...kinds.violations, ...position.violations, ...found]);
  return message;
}

const kindPrefix = 'OBSERVED_KIND_';

/** The kinds that `kinds` may name, without the prefix that the contract gives them. */
export const kindNames: readonly string[] = Object.entries(ObservedKind)
  .filter(([, number]) => typeof number === 'number' && number > ObservedKind.UNSPECIFIED)
  .map(([name]) => name);

/** With or without the prefix. */
function kindsIn(query: URLSearchParams): Read {
  const given = listIn(query, 'kinds').map((text) => ({ text, name: text.trim().replace(kindPrefix, '') }));
  const violations = given
    .filter(({ name }) => !kindNames.includes(name))
    .map(({ text }) => ({
      field: 'kinds',
      description: `${quote(text)} is none of ${kindNames.join(', ')}`,
    }));
  const sound = given.filter(({ name }) => kindNames.includes(name));
  return {
    json: { kinds: sound.map(({ name }) => `${kindPrefix}${name}`) },
    violations: violations.map(asParameter),
  };
}

/** `REVISION:COMMIT`, or the revision alone. */
function positionIn(query: URLSearchParams, lastEventId: string | undefined): Read {
  const text = lastEventId ?? query.get(resumeParam);
  if (text === null) return { json: {}, violations: [] };
  const [revision = '', commitId = ''] = text.split(':', 2);
  if (/^\d+$/.test(revision) && Number.isSafeInteger(Number(revision)))
    return { json: { resumeFrom: { revision, commitId } }, violations: [] };
  const field = lastEventId === undefined ? `query ${resumeParam}` : 'header last-event-id';
  const description = `is ${quote(text)}, but must be the id of an event, REVISION:COMMIT`;
  return { json: {}, violations: [{ field, description }] };
}

/** Several values of one criterion are separated by commas: given twice means the same. */
function criteriaIn(query: URLSearchParams, own: readonly string[]): Readonly<Record<string, string>> {
  const names = [...new Set(query.keys())].filter((name) => !own.includes(name));
  return Object.fromEntries(names.map((name) => [name, query.getAll(name).join(',')]));
}

/** The values of a parameter, each of which may hold several, separated by commas. */
export function listIn(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name).flatMap((value) => value.split(','));
}

function refuse(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations.map(asParameter));
}

/** How fields of the message are called in a query. */
const namesInQuery: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/^(?:fiterlingCriteria|filtering_criteria)\[(".*")\]$/s, (key) => `query ${JSON.parse(key)}`],
  [/^(?:page\.)?(pageNumber|pageSize)$/, (name) => `query ${name}`],
  [/^(fields|kinds)(?:\[\d+\])?$/, (name) => `query ${name}`],
  [/^(job|task)_fields\[\d+\]$/, (what) => `query ${what}Fields`],
  [/^metadata (.*)$/, (name) => `header ${name}`],
];

function asParameter({ field, description }: FieldViolation): FieldViolation {
  for (const [pattern, nameOf] of namesInQuery) {
    const found = pattern.exec(field)?.[1];
    if (found !== undefined) return { field: nameOf(found), description };
  }
  return { field, description };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function isInt32(text: string): boolean {
  return /^-?\d{1,10}$/.test(text) && Number(text) === (Number(text) | 0);
}
