// SPDX-License-Identifier: MIT
// What every host does with an engine by HTTP, against the public names alone. Each step checks what it sees and throws
// on any difference; the report is plain data, the same on every host.

/** @typedef {typeof import("heavenbase")} Face */

/**
 * @param {Face} hb what "heavenbase" exports on this host @param {{ id: string, backends: NonNullable<import("heavenbase").OpenOptions["backends"]>, secret: string }} options
 * @returns {Promise<Record<string, any>>} what was seen
 */
export async function remote({ HeavenBase, Integer, ShortText, Vector, entity, field }, { id, backends, secret }) {
  const Note = entity("Note", { title: field(ShortText), n: field(Integer), v: field(Vector(2)) });
  const ws = await HeavenBase.open(id, { backends });
  try {
    await ws.register(Note);
    await ws.upsertMany(Note, Array.from({ length: 20 }, (_, i) => ({ name: `note ${i}`, title: i % 2 ? "odd 😀" : "even 'x'", n: 2n ** 62n + BigInt(i), v: [i, 1] })));
    const frame = await ws.query(Note).where(Note.title.startsWith("odd")).orderBy(Note.n, "desc").limit(2).select("name", "n").execute();
    const near = await ws.query(Note).where(Note.title.eq("even 'x'")).near(Note.v, [1, 0], { topK: 2 }).select("name").execute();
    const clash = await ws.upsert(Note, { object_id: "a".repeat(70), name: "x" }).then(() => "none", (error) => error.code);
    const report = { rows: frame.rows().map((row) => `${row.name} ${row.n}`), near: near.rows().map((row) => row.name), count: await ws.count(Note), clash };
    if (JSON.stringify([await ws.toManifest(), ws.backends.get("main"), await ws.health()]).includes(secret)) throw new Error("a secret is told");
    await ws.drop();
    return report;
  } finally {
    await ws.close();
  }
}

export const seen = Object.freeze({ rows: ["note 19 4611686018427387923", "note 17 4611686018427387921"], near: ["note 18", "note 16"], count: 20, clash: "VALIDATION" });
