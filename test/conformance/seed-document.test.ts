import { expect, it } from 'vitest';
import { parseSeedDocument, SeedDocumentError } from './seed-document.js';

const document = `
## api.proto
### Thing
A thing.

| Field | Type | Label | Description |
| ----- | ---- | ----- | ----------- |
| name | [string](#string) |  | Its name |
| parts | [Thing.Part](#x-v1-Thing-Part) | repeated | What it has |

### Empty

### Color
| Name | Number | Description |
| ---- | ------ | ----------- |
| RED | 0 |  |

### Things
| Method Name | Request Type | Response Type | Description |
| ----------- | ------------ | ------------- | ------------|
| Get | [Empty](#x-v1-Empty) | [Thing](#x.v1.Thing) | Gets it |

## Scalar Value Types
| .proto Type | Notes |
| ----------- | ----- |
| string | text |
`;

it('reads the tables of messages, enums and services, and nothing else', () => {
  expect(parseSeedDocument(document, 'x.v1')).toEqual({
    messages: {
      'x.v1.Thing': [
        ['name', 'string', ''],
        ['parts', 'x.v1.Thing.Part', 'repeated'],
      ],
      'x.v1.Empty': [],
    },
    enums: { 'x.v1.Color': [['RED', 0]] },
    services: { 'x.v1.Things': [['Get', 'x.v1.Empty', 'x.v1.Thing']] },
  });
});

it('refuses a table that it does not understand', () => {
  expect(() => parseSeedDocument('### X\n| What | Why |\n| - | - |\n| a | b |\n', 'x')).toThrow(
    SeedDocumentError,
  );
  expect(() => parseSeedDocument(document.replace('[string](#string)', 'string'), 'x')).toThrow('string');
});
