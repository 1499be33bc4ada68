import { describe, expect, it } from 'vitest';
import type { Resources } from '../../gen/berth/v1/store.js';
import { amountFields, kindOf, resourceFields } from './kinds.js';
import {
  addResources,
  clearResources,
  copyResources,
  equalBits,
  fits,
  fitsAmounts,
  raiseTo,
  resourcesKey,
  setDifference,
  subtractResources,
  timesToCover,
  zeroResources,
} from './vector.js';

const only = (field: keyof Resources, amount: number): Resources => ({ ...zeroResources(), [field]: amount });

describe('the vector of resources', () => {
  it('has a row for every field, and no name twice', () => {
    expect(resourceFields.toSorted()).toEqual(Object.keys(zeroResources()).toSorted());
    expect(new Set(resourceFields.map((field) => kindOf(field).name)).size).toBe(resourceFields.length);
    expect(new Set(resourceFields.map((field) => kindOf(field).fact)).size).toBe(resourceFields.length);
  });

  it.each(resourceFields)('adds, subtracts and compares %s', (field) => {
    expect(copyResources(only(field, 2))).toEqual(only(field, 2));
    expect(addResources(only(field, 2), only(field, 3))).toEqual(only(field, 5));
    expect(subtractResources(only(field, 2), only(field, 3))).toEqual(only(field, -1));
    const target = only(field, 7);
    setDifference(target, only(field, 9), only(field, 4));
    expect(target).toEqual(only(field, 5));
    raiseTo(target, only(field, 6));
    raiseTo(target, only(field, 1));
    expect(target).toEqual(only(field, 6));
    expect(fits(only(field, 6), target)).toBe(true);
    expect(fits(only(field, 7), target)).toBe(false);
    clearResources(target);
    expect(target).toEqual(zeroResources());
    expect(resourcesKey(only(field, 1))).not.toBe(resourcesKey(zeroResources()));
    expect(equalBits(only(field, 1), zeroResources())).not.toBe(equalBits(zeroResources(), zeroResources()));
  });

  it.each(amountFields)('sees a shortfall of %s', (field) => {
    expect(fitsAmounts(only(field, 2), only(field, 1))).toBe(false);
    expect(timesToCover(only(field, 5), only(field, 2))).toBe(3);
    expect(timesToCover(only(field, 5), zeroResources())).toBe(Number.POSITIVE_INFINITY);
    expect(timesToCover(only(field, -5), zeroResources())).toBe(0);
  });

  it('leaves gpus to the count of each gpu', () => {
    expect(fitsAmounts(only('gpuMillis', 5), zeroResources())).toBe(true);
    expect(timesToCover(only('gpuMillis', 5), zeroResources())).toBe(0);
  });
});
