// SPDX-License-Identifier: MIT
// A worker that opens a workspace and asks its first query inside a request.
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const Doc = entity("Doc", { title: field(ShortText), year: field(Integer).index() });

export default {
  async fetch() {
    const ws = await HeavenBase.open("bench", { backends: { main: { type: "inmem" } }, catalog: false });
    await ws.register(Doc);
    await ws.upsert(Doc, { object_id: "1", title: "One", year: 2000 });
    const frame = await ws.query(Doc).where(Doc.year.eq(2000)).select("title").execute();
    return new Response(frame.column("title")[0]);
  },
};
