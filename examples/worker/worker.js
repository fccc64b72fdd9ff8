// SPDX-License-Identifier: MIT
// Notes at the edge, in the memory of one isolate: POST a text, GET /?words=… finds it.
import { HeavenBase, InvertedIndex, LongText, entity, field } from "heavenbase";

const Note = entity("Note", { text: field(LongText).required().store({ strategy: InvertedIndex }) });

/** Made by the first request: nothing runs while the worker is loaded. @type {Promise<import("heavenbase").Workspace> | undefined} */
let opening;

async function open() {
  const ws = await HeavenBase.open("notes", { backends: { main: { type: "inmem" } } });
  await ws.register(Note);
  return ws;
}

/** @param {Request} request @param {import("heavenbase").Workspace} ws */
async function answer(request, ws) {
  if (request.method === "POST") {
    const id = await ws.upsert(Note, { object_id: crypto.randomUUID(), text: await request.text() });
    return Response.json({ id }, { status: 201 });
  }
  const words = new URL(request.url).searchParams.get("words") ?? "";
  const found = words ? await ws.query(Note).search("text", words, { topK: 10 }).execute() : await ws.query(Note).limit(10).execute();
  return Response.json(found.rows().map(({ text }) => text));
}

export default {
  /** @param {Request} request */
  async fetch(request) {
    try {
      return await answer(request, await (opening ??= open()));
    } catch (error) {
      if (error?.name !== "HeavenBaseError") throw error;
      return Response.json({ error }, { status: error.code === "VALIDATION" ? 400 : 500 });
    }
  },
};
