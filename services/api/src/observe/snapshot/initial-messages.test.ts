import { describe, expect, it } from 'vitest';
import { closing } from './initial-messages.js';

describe('closing', () => {
  it('closes at the end, and if the rest is not wanted', () => {
    let closed = 0;
    const close = () => {
      closed += 1;
    };
    const whole = closing([1][Symbol.iterator](), close);
    expect([whole.next().value, closed, whole.next().done, closed]).toEqual([1, 0, true, 1]);
    closing([1, 2][Symbol.iterator](), close).return?.();
    expect(closed).toBe(2);
  });
});
