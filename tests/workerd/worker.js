// SPDX-License-Identifier: MIT
// The worker under test. `counts` watches WebAssembly from before the library is imported.
import { counts } from "./watch.js";
import * as heavenbase from "heavenbase";
import { remote } from "../hosts/remote.js";
import { tour } from "../hosts/tour.js";

const atImport = { ...counts };

/** @type {Record<string, (given: any) => Promise<unknown>>} */
const answers = {
  "/import": async () => ({ atImport, buffer: typeof globalThis.Buffer, process: typeof globalThis.process }),
  "/tour": async () => {
    const before = { ...counts };
    const since = Date.now();
    const report = await tour(heavenbase);
    return { report, before, after: { ...counts }, ms: Date.now() - since };
  },
  "/one-engine": () => tour(heavenbase, { backends: { main: { type: "sqlite", database: ":memory:" } } }),
  "/remote": (given) => remote(heavenbase, given),
  "/persist": async () => {
    const error = await heavenbase.HeavenBase.open("kept", { persist: "idb" }).catch((reason) => reason);
    return { name: error.name, code: error.code };
  },
};

export default {
  /** @param {Request} request */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const answer = answers[pathname];
    if (!answer) return new Response("", { status: 404 });
    try {
      return Response.json(await answer(JSON.parse(searchParams.get("given") ?? "null")));
    } catch (error) {
      return new Response(/** @type {Error} */ (error).stack, { status: 500 });
    }
  },
};
