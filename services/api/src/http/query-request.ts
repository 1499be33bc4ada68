/*
 * Requests that consist of query parameters only: lists, and subscriptions to the cell. All violations are
 * found together, and each is reported under the caller's own name for the parameter. The checks are those of
 * the handlers.
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

/** Drains decide only which agents match. They do not change the validity of the criterion. */
const nothingDrains = () => false;

const readers: Partial<Record<RpcName, QueryReader<object>>> = {
  findJobs: jobQueries(nothingDrains),
  findTasks: taskQueries(nothingDrains),
  findJobClusters: clusterQueries,
};

interface ListParts {
  readonly params: PathParams;
  readonly query: URLSearchParams;
  /** The header that continues after an earlier page. */
  readonly cursor?: string | undefined;
}

/**
 * Returns the message of a list query.
 * @throws BerthError invalidArgument that names every wrong parameter.
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
  // The original text: the generated reader loses keys that cannot be its own.
  const asked = { ...message, fiterlingCriteria: json.fiterlingCriteria };
  const reader = readers[route.rpc];
  const others = Object.entries(params).flatMap(([name, id]) => idViolations(name, id));
  const found = reader === undefined ? [] : queryViolations(asked, cursor, { ...reader, others });
  refuse([...page.violations, ...found]);
  return message;
}

/** A page number without a size counts pages of the default size. */
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

interface SubscriptionParts {
  readonly query: URLSearchParams;
  /** The header that continues after an event. It takes precedence over the parameter. */
  readonly lastEventId?: string | undefined;
}

/**
 * Returns the message that subscribes to the cell.
 * @throws BerthError invalidArgument that names every wrong parameter.
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
  // The original text: the generated reader loses keys that cannot be its own.
  const asked = { ...(message.request?.value as ObserveRequest_Subscription), filteringCriteria };
  const parsed = parseObserveRequest(asked);
  const found = 'violations' in parsed ? parsed.violations : [];
  refuse([...kinds.violations, ...position.violations, ...found]);
  return message;
}

const kindPrefix = 'OBSERVED_KIND_';

/** Returns the kinds that `kinds` may name, without the prefix of the contract. */
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

/** Commas separate the values of a criterion. A parameter that is given twice means the same. */
function criteriaIn(query: URLSearchParams, own: readonly string[]): Readonly<Record<string, string>> {
  const names = [...new Set(query.keys())].filter((name) => !own.includes(name));
  return Object.fromEntries(names.map((name) => [name, query.getAll(name).join(',')]));
}

/** Returns the values of a parameter. Each of them may hold several, separated by commas. */
export function listIn(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name).flatMap((value) => value.split(','));
}

function refuse(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations.map(asParameter));
}

/** Returns the name of the message's field in a query. */
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
