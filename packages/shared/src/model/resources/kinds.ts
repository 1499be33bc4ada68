import type { Resources } from '../../gen/berth/v1/store.js';
import { megabitsPerSecond, megabytes, thousandths, type WrittenAmount } from './amounts.js';

/** The thing that a number counts. It decides the units that the number may have. */
export type Quantity = 'count' | 'size' | 'rate';

/** One kind of resource: its names, its units, and how it is parsed. */
interface ResourceKind {
  /** Its name in containers and guarantees, such as `cpu`. */
  readonly name: string;
  /** Its name in expressions, after `agent.` or `free.`. */
  readonly fact: string;
  readonly quantity: Quantity;
  /** How many units of the field make one unit of a fact or a guarantee. */
  readonly perUnit: number;
  /**
   * How a container writes it. Ports and network interfaces are no written amounts: `resources.ts` parses
   * them.
   */
  readonly written?: WrittenAmount;
  /** Its name in messages of an agent. */
  readonly label: string;
  /** The reason for an agent that has too little of it. */
  readonly scarce: string;
  /** An amount as people read it. */
  readonly text: (amount: number) => string;
  /** The remedy to ask for so much less. */
  readonly less: (amount: number) => string;
}

/** Every field of `Resources` in the order of messages. A field without a row does not compile. */
const resourceKinds = {
  cpuMillis: {
    name: 'cpu',
    fact: 'cpu',
    quantity: 'count',
    perUnit: 1000,
    written: {
      ...thousandths,
      isZeroAllowed: false,
      // A container gets its cpu in periods of 100 ms, and Linux gives at least 1 ms of each.
      least: { amount: 10, text: '0.01 cores' },
      max: 1024_000,
      meaning: 'a number of cores, decimals allowed',
    },
    label: 'cpu',
    scarce: 'too little cpu free',
    text: (amount) => String(amount / 1000),
    less: (amount) => `${amount / 1000} less cpu`,
  },
  memoryMb: {
    name: 'memory',
    fact: 'memoryMB',
    quantity: 'size',
    perUnit: 1,
    written: {
      ...megabytes,
      isZeroAllowed: false,
      // Docker gives at least 6 MiB. In whole MB these are 7.
      least: { amount: 7, text: '7 MB' },
      max: 16_000_000,
    },
    label: 'memory',
    scarce: 'too little memory free',
    text: (amount) => `${amount} MB`,
    less: (amount) => `${amount} MB less memory`,
  },
  diskMb: {
    name: 'disk',
    fact: 'diskMB',
    quantity: 'size',
    perUnit: 1,
    written: { ...megabytes, isZeroAllowed: true, max: 1_000_000_000 },
    label: 'disk',
    scarce: 'too little disk free',
    text: (amount) => `${amount} MB`,
    less: (amount) => `${amount} MB less disk`,
  },
  networkMbps: {
    name: 'network',
    fact: 'networkMbps',
    quantity: 'rate',
    perUnit: 1,
    written: { ...megabitsPerSecond, isZeroAllowed: true, max: 1_000_000 },
    label: 'network',
    scarce: 'too little network free',
    text: (amount) => `${amount} Mbps`,
    less: (amount) => `${amount} Mbps less network`,
  },
  gpuMillis: {
    name: 'gpu',
    fact: 'gpu',
    quantity: 'count',
    perUnit: 1000,
    written: {
      ...thousandths,
      isZeroAllowed: true,
      max: 1024_000,
      wholeAbove: 1000,
      meaning: 'a number of whole gpus, or a share of one gpu such as 0.5',
    },
    label: 'gpu',
    scarce: 'too few gpus free',
    text: (amount) => String(amount / 1000),
    less: (amount) => `${amount / 1000} less gpu`,
  },
  ports: {
    name: 'ports',
    fact: 'ports',
    quantity: 'count',
    perUnit: 1,
    label: 'ports',
    scarce: 'too few ports free',
    text: String,
    less: (amount) => `${amount} fewer port${amount === 1 ? '' : 's'}`,
  },
  eni: {
    name: 'eni',
    fact: 'eni',
    quantity: 'count',
    perUnit: 1,
    label: 'network interfaces',
    scarce: 'too few network interfaces free',
    text: String,
    less: (amount) => `${amount} fewer network interface${amount === 1 ? '' : 's'} of its own`,
  },
} as const satisfies Readonly<Record<keyof Resources, ResourceKind>>;

/** The fields of the vector. */
export const resourceFields = Object.keys(resourceKinds) as readonly (keyof Resources)[];

/** The row of one field, with all parts that a row may have. */
export function kindOf(field: keyof Resources): ResourceKind {
  return resourceKinds[field];
}

/** Gpus are counted one by one (`gpus.ts`): a sum that suffices does not yet mean that a request fits. */
export const amountFields = resourceFields.filter((field) => field !== 'gpuMillis');
