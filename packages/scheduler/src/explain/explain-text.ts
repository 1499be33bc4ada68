import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Remedy } from './explain.js';

/** The remedy as a phrase for people, such as `512 MB less memory: 14 agents`. */
export function remedyText(remedy: Remedy): string {
  const agents = `${remedy.agents} agent${remedy.agents === 1 ? '' : 's'}`;
  switch (remedy.kind) {
    case 'less':
      return `${amountText(remedy.resource, remedy.amount)}: ${agents}`;
    case 'without':
      return `without ${remedy.constraint}: ${agents}`;
    case 'ends':
      return remedy.tasks === 1
        ? `when task ${remedy.taskIds[0]} ends: ${agents}`
        : `when one of ${remedy.tasks} tasks ends: ${agents}`;
  }
}

function amountText(resource: keyof Resources, amount: number): string {
  switch (resource) {
    case 'cpuMillis':
      return `${amount / 1000} less cpu`;
    case 'memoryMb':
      return `${amount} MB less memory`;
    case 'diskMb':
      return `${amount} MB less disk`;
    case 'networkMbps':
      return `${amount} Mbps less network`;
    case 'gpuMillis':
      return `${amount / 1000} less gpu`;
    case 'ports':
      return `${amount} fewer port${amount === 1 ? '' : 's'}`;
    case 'eni':
      return `${amount} fewer network interface${amount === 1 ? '' : 's'} of its own`;
  }
}
