// SPDX-License-Identifier: MIT
// What an engine of the bench is. Another peer is one more file beside this one and a line in index.mjs.

/** @typedef {import("../workload.mjs").Row} Row */
/** @typedef {import("../workload.mjs").Range} Range */
/** @template T @typedef {T | Promise<T>} Maybe */
/** @typedef {{ ids: readonly string[], titles?: readonly string[], scores?: ArrayLike<number> }} Answer */
/**
 * An open store. Where a method is left out, the engine does not offer the operation and its cell in the table is empty.
 * @typedef {object} Instance
 * @property {(rows: readonly Partial<Row>[]) => Maybe<unknown>} load all rows in one call or transaction, indexes built
 * @property {() => Maybe<unknown>} settle builds what the engine would build at the first query; belongs to the load
 * @property {(row: Row) => Maybe<unknown>} [upsert]
 * @property {(id: string) => Maybe<unknown>} [remove]
 * @property {(id: string) => Maybe<any>} [getPart] a row of which id and title are read
 * @property {(id: string) => Maybe<any>} [getFull] a row with every field
 * @property {(ids: readonly string[]) => Maybe<any[]>} [getMany] rows with every field, in the order of the ids
 * @property {(range: Range) => Maybe<Answer>} [filterScan] ids and titles of the rows in the range of prices; prices have no index
 * @property {(range: Range) => Maybe<Answer>} [filterAdHoc] the same query, put together and parsed anew
 * @property {(year: number) => Maybe<Answer>} [filterIndex] ids and titles of the rows of a year; years have an index
 * @property {(range: Range, limit: number) => Maybe<Answer>} [filterLimit] ids and titles of the first rows in the range
 * @property {(vector: Float32Array) => Maybe<Answer>} [near] exact top 10 by cosine
 * @property {(vector: Float32Array, range: Range) => Maybe<Answer>} [nearFiltered]
 * @property {(text: string) => Maybe<Answer>} [search] BM25 top 10 of any of the words
 * @property {(word: string, range: Range, vector: Float32Array) => Maybe<Answer>} [routed] top 10 by cosine of the rows in the range that have the word
 * @property {(text: string, vector: Float32Array) => Maybe<Answer>} [hybrid] both rankings, 50 deep, fused by reciprocal rank, top 10
 * @property {(needle: string) => Maybe<Answer>} [match] ids of the rows whose body holds the needle, in any case
 * @property {() => Maybe<unknown>} [compact] gives memory back that deleted rows have left
 * @property {() => Maybe<unknown>} close
 */
/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {string} title
 * @property {boolean} ours
 * @property {boolean} textbook does its BM25 follow the textbook, so that its ranking has to be the expected one?
 * @property {() => Maybe<string>} version
 * @property {(options: { lean: boolean, file?: string }) => Promise<Instance>} open `lean`: a store for rows without body and embedding; `file`: where it persists
 * @property {boolean} [persists] does it take a file?
 * @property {boolean} [native] does it keep rows outside of what Node counts, so that its memory is the growth of the whole process?
 * @property {boolean} [textOnly] an index of words without rows: no lean load, no workspace to open
 * @property {boolean} [slow] takes part in the first round alone, without a lean load, and with fewer questions
 * @property {number} [rowsMax] more rows than this would take it too long
 * @property {(rows: readonly Row[]) => Promise<number>} [buildText] seconds that the index over the bodies takes alone
 */
export {};
