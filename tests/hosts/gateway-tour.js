// SPDX-License-Identifier: MIT
// What a page and a worker do through the gateway: a workspace of their own on PostgreSQL.

/**
 * @param {typeof import("heavenbase")} heavenbase @param {string} id @param {{ url: string, token: string, connection: string }} gateway
 * @returns {Promise<Record<string, unknown>>} what it found, as JSON
 */
export async function gatewayTour({ HeavenBase, Integer, ShortText, Vector, VectorIndex, entity, field }, id, gateway) {
  const Note = entity("Note", { title: field(ShortText), n: field(Integer), v: field(Vector(2)).store({ strategy: VectorIndex }) });
  const ws = await HeavenBase.open(id, { backends: { main: { type: "pgvector", via: "gateway", ...gateway } } });
  await ws.register(Note);
  await ws.upsertMany(Note, Array.from({ length: 300 }, (_, i) => ({ name: `note ${i}`, title: `é ' ${i % 7}`, n: 2n ** 62n + BigInt(i), v: [i, 1] })));
  const late = await ws.query(Note).where(Note.n.gte(2n ** 62n + 298n)).orderBy(Note.n).execute();
  const near = await ws.query(Note).where(Note.title.eq("é ' 3")).near(Note.v, [0, 1], { topK: 2, metric: "l2" }).select("name").execute();
  const found = { count: await ws.count(Note), n: late.rows().map(({ n }) => String(n)), near: near.rows().map(({ name }) => name), audit: (await ws.audit()).catalog.ok };
  await ws.drop();
  await ws.close();
  return found;
}
