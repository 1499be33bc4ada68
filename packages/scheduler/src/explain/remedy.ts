import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { kindOf } from '@berth/shared/model/resources/kinds';

/** A change that would place the task, and the number of agents that could take it then. */
export type Remedy =
  /** The least amount by that the request would have to shrink. */
  | {
      readonly kind: 'less';
      readonly resource: keyof Resources;
      readonly amount: number;
      readonly agents: number;
    }
  /** The request without one of its constraints. */
  | { readonly kind: 'without'; readonly constraint: string; readonly agents: number }
  /** The end of any one of these tasks. */
  | {
      readonly kind: 'ends';
      readonly taskIds: readonly string[];
      readonly tasks: number;
      readonly agents: number;
    };

/** The remedy as a phrase for people, such as `512 MB less memory: 14 agents`. */
export function remedyText(remedy: Remedy): string {
  const agents = `${remedy.agents} agent${remedy.agents === 1 ? '' : 's'}`;
  switch (remedy.kind) {
    case 'less':
      return `${kindOf(remedy.resource).less(remedy.amount)}: ${agents}`;
    case 'without':
      return `without ${remedy.constraint}: ${agents}`;
    case 'ends':
      return remedy.tasks === 1
        ? `when task ${remedy.taskIds[0]} ends: ${agents}`
        : `when one of ${remedy.tasks} tasks ends: ${agents}`;
  }
}
