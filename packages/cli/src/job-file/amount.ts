import { parseResources } from '@berth/shared/model/resources/resources';
import { text } from './schema-parts.js';

/** The least memory that Docker gives to a container is 6 MiB. In whole MB these are 7. */
const minMemoryMb = 7;

/** An amount of memory, as the API has it: a text with an optional unit. */
export const memoryAmount = text.superRefine((amount, context) => {
  const parsed = parseResources({ memory: amount }, '');
  // The gateway says what is wrong with a text that is no amount.
  if (!('violations' in parsed) && parsed.resources.memoryMb < minMemoryMb)
    context.addIssue(`is ${JSON.stringify(amount)}, but a container needs at least ${minMemoryMb} MB`);
});
