import fc from 'fast-check';

interface FieldShape {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Days that differ from month to month. */
  readonly rules?: readonly string[];
}

const shapes: readonly FieldShape[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31, rules: ['L', 'LW', '1W', '15W', '31W', '?'] },
  { min: 1, max: 12, names: ['JAN', 'feb', 'Mar', 'OCT', 'DEC'] },
  {
    min: 0,
    max: 7,
    names: ['SUN', 'mon', 'Tue', 'FRI', 'SAT'],
    rules: ['MON#1', '5#3', 'SUN#5', 'FRIL', '0L', '?', 'fri-SUN'],
  },
];

/** Any expression of five fields, or of six in one of eight cases. Many of them are at fault. */
export function anyExpression(): fc.Arbitrary<string> {
  const five = fc.tuple(...shapes.map(anyField)).map((fields) => fields.join(' '));
  const second = fc.oneof(fc.constantFrom('0', '30', '*/20'), anyField({ min: 0, max: 59 }));
  return fc.oneof(
    { arbitrary: five, weight: 7 },
    { arbitrary: fc.tuple(second, five).map((parts) => parts.join(' ')), weight: 1 },
  );
}

function anyField(shape: FieldShape): fc.Arbitrary<string> {
  const part = anyPart(shape);
  return fc.oneof(
    { arbitrary: fc.constant('*'), weight: 4 },
    { arbitrary: part, weight: 4 },
    { arbitrary: fc.array(part, { minLength: 2, maxLength: 3 }).map((parts) => parts.join(',')), weight: 1 },
  );
}

/** One value in a hundred lies beyond the field. */
function anyPart({ min, max, names = [], rules = [] }: FieldShape): fc.Arbitrary<string> {
  const within = fc.integer({ min, max }).map(String);
  const value = fc.oneof(
    { arbitrary: within, weight: 90 },
    { arbitrary: names.length > 0 ? fc.constantFrom(...names) : within, weight: 9 },
    { arbitrary: fc.constant(String(max + 1)), weight: 1 },
  );
  const range = fc.tuple(value, value).map(([from, to]) => `${from}-${to}`);
  const step = fc.integer({ min: 1, max: max + 2 }).map(String);
  const stepped = fc.tuple(fc.oneof(fc.constant('*'), range, value), step).map(([a, n]) => `${a}/${n}`);
  const plain = [
    { arbitrary: value, weight: 4 },
    { arbitrary: range, weight: 3 },
    { arbitrary: stepped, weight: 3 },
  ];
  return rules.length === 0
    ? fc.oneof(...plain)
    : fc.oneof(...plain, { arbitrary: fc.constantFrom(...rules), weight: 3 });
}
