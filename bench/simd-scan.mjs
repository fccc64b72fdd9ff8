// SPDX-License-Identifier: MIT
// The floor under exact vector search in WebAssembly: a SIMD128 scan with four accumulators over one matrix, nothing
// else. The module is some 300 bytes, written out here, so that no compiler stands between the figure and the machine.

const PAGE = 65_536;
const CODE = { loop: [0x03, 0x40], end: [0x0b], add: [0x6a], sub: [0x6b], less: [0x49], zero: [0xfd, 0x0c, ...new Array(16).fill(0)],
  addLanes: [0xfd, 0xe4, 0x01], mulLanes: [0xfd, 0xe6, 0x01], addFloat: [0x92], storeFloat: [0x38, 2, 0], again: [0x0d, 0] };
const get = (/** @type {number} */ local) => [0x20, local];
const set = (/** @type {number} */ local) => [0x21, local];
const load = (/** @type {number} */ offset) => [0xfd, 0x00, 4, offset];
const lane = (/** @type {number} */ index) => [0xfd, 0x1f, index];
const constant = (/** @type {number} */ value) => (value < 64 ? [0x41, value] : [0x41, value | 0x80, 0]); // signed LEB128 below 128

/** scan(query, matrix, rows, rowBytes, out): out[i] = query · matrix[i]; rowBytes is a multiple of 64. */
function scanBody() {
  const [query, matrix, rows, rowBytes, out, at, end, first] = [0, 1, 2, 3, 4, 5, 6, 7];
  const sums = [0, 1, 2, 3].map((i) => first + i);
  return [
    2, 2, 0x7f, 4, 0x7b, // locals: two i32, four v128
    ...CODE.loop,
    ...sums.flatMap((sum) => [...CODE.zero, ...set(sum)]),
    ...get(query), ...set(at), ...get(matrix), ...get(rowBytes), ...CODE.add, ...set(end),
    ...CODE.loop,
    ...sums.flatMap((sum, i) => [...get(sum), ...get(at), ...load(16 * i), ...get(matrix), ...load(16 * i), ...CODE.mulLanes, ...CODE.addLanes, ...set(sum)]),
    ...get(at), ...constant(64), ...CODE.add, ...set(at), ...get(matrix), ...constant(64), ...CODE.add, ...set(matrix),
    ...get(matrix), ...get(end), ...CODE.less, ...CODE.again, ...CODE.end,
    ...get(sums[0]), ...get(sums[1]), ...CODE.addLanes, ...get(sums[2]), ...get(sums[3]), ...CODE.addLanes, ...CODE.addLanes, ...set(sums[0]),
    ...get(out), ...get(sums[0]), ...lane(0), ...get(sums[0]), ...lane(1), ...CODE.addFloat, ...get(sums[0]), ...lane(2), ...CODE.addFloat,
    ...get(sums[0]), ...lane(3), ...CODE.addFloat, ...CODE.storeFloat,
    ...get(out), ...constant(4), ...CODE.add, ...set(out), ...get(rows), ...constant(1), ...CODE.sub, ...set(rows),
    ...get(rows), ...CODE.again, ...CODE.end, ...CODE.end,
  ];
}

/** @param {number} value */
const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
/** @param {number} id @param {number[]} content */
const section = (id, content) => [id, ...leb(content.length), ...content];
/** @param {string} text */
const name = (text) => [text.length, ...Buffer.from(text)];

function moduleBytes() {
  const body = scanBody();
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("scan"), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** @param {readonly Float32Array[]} vectors @returns {(query: Float32Array) => Float32Array} the dot product with each vector */
export function makeScan(vectors) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
  const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
  const rowBytes = vectors[0].byteLength;
  if (rowBytes % 64 !== 0) throw new RangeError("rows of the scan are multiples of 64 bytes");
  const matrixAt = PAGE;
  const outAt = matrixAt + vectors.length * rowBytes;
  memory.grow(Math.ceil((outAt + 4 * vectors.length) / PAGE));
  const matrix = new Float32Array(memory.buffer, matrixAt, (vectors.length * rowBytes) / 4);
  vectors.forEach((vector, index) => matrix.set(vector, (index * rowBytes) / 4));
  const query = new Float32Array(memory.buffer, 0, rowBytes / 4);
  const out = new Float32Array(memory.buffer, outAt, vectors.length);
  const scan = /** @type {Function} */ (exports.scan);
  return (wanted) => {
    query.set(wanted);
    scan(0, matrixAt, vectors.length, rowBytes, outAt);
    return out;
  };
}
