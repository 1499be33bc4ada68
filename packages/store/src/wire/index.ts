export { decodeEntity, encodeRecord, fieldOf, parseField } from './codec.js';
