// SPDX-License-Identifier: MIT
// The demo page: no bundler, the entry by its path. Serve the repository's root, after a build, and open /web/.
import { ArrayOf, HeavenBase, Integer, LongText, ShortText, Vector, entity, field } from "../js/entry/browser.js";

/** Where a text belongs, as a vector of sea, town and sky. */
const PLACES = { anywhere: null, "the sea": [1, 0, 0], "the town": [0, 1, 0], "the sky": [0, 0, 1] };

const Text = entity("Text", {
  title: field(ShortText).required(), body: field(LongText), pages: field(Integer), tags: field(ArrayOf(ShortText)), place: field(Vector(3)),
});
const texts = [
  ["Departure", "Ships leave the harbour at dawn, one after the other.", 3, ["sea", "morning"], [0.9, 0.4, 0.2]],
  ["A list", "Paint for the ships, forty metres of rope, two lamps.", 1, ["town"], [0.5, 0.8, 0]],
  ["The harbour in winter", "The harbour is closed; the town hears the ice.", 12, ["town", "winter"], [0.6, 0.8, 0.1]],
  ["Weather", "Rain until the evening, then wind from the north.", 2, ["sky"], [0.2, 0.1, 1]],
  ["Stars", "What sailors called the stars that they steered their ships by.", 40, ["sky", "sea"], [0.5, 0, 0.9]],
  ["Market", "Bread, fish, and who sells them on the square.", 7, ["town", "morning"], [0.1, 1, 0]],
];

/** @param {string} selector @returns {any} */
const part = (selector) => document.querySelector(selector);

/** @param {string} name @param {unknown} content @param {Record<string, string>} [attributes] */
function make(name, content, attributes = {}) {
  const element = document.createElement(name);
  element.textContent = String(content ?? "");
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** @param {unknown} value */
function cell(value) {
  if (typeof value !== "number") return make("td", globalThis.Array.isArray(value) ? value.join(", ") : value);
  return make("td", Number.isInteger(value) ? value : value.toFixed(3), { class: "number" });
}

/** @param {import("../js/frame.js").Frame<any>} frame */
function showRows(frame) {
  const names = frame.colNames().filter((name) => name !== "object_id");
  const head = make("tr", "");
  head.append(...names.map((name) => make("th", name, { scope: "col" })));
  const lines = frame.rows().map((row) => {
    const line = make("tr", "");
    line.append(...names.map((name) => cell(row[name])));
    return line;
  });
  part("#rows").replaceChildren(head, ...lines);
}

/** @param {import("../js/workspace.js").Workspace} ws */
async function answer(ws) {
  const words = part("#words").value.trim();
  const place = PLACES[/** @type {keyof typeof PLACES} */ (part("#place").value)];
  let query = ws.query(Text).where(Text.pages.gte(Number(part("#pages").value)));
  if (place) query = query.near(Text.place, place, { topK: 5 });
  if (words) query = query.search(Text.body, words, { topK: 5 });
  const ranked = Boolean(place || words);
  query = query.select("title", "body", "pages", "tags", ...(ranked ? ["score"] : []));
  const since = performance.now();
  const frame = await query.execute();
  const took = performance.now() - since;
  showRows(frame);
  part("#plan").textContent = String(await query.explain());
  const audit = (await ws.audit()).catalog;
  part("#state").textContent = `${frame.length} of ${await ws.count(Text)} texts in ${took.toFixed(1)} ms; the catalog ${audit.ok ? "agrees" : "does not agree"} with the rows.`;
}

async function start() {
  const ws = await HeavenBase.open("demo", { preset: "debug" });
  await ws.register(Text);
  await ws.upsertMany(Text, texts.map(([title, body, pages, tags, place]) => (/** @type {any} */ ({ name: title, title, body, pages, tags, place }))));
  part("#place").replaceChildren(...Object.keys(PLACES).map((name) => make("option", name)));
  const ask = () => answer(ws).catch(fail);
  part("#ask").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    ask();
  });
  await answer(ws);
  document.documentElement.dataset.ready = "yes";
}

/** @param {any} error */
function fail(error) {
  part("#state").textContent = error.code ? `${error.code}: ${error.message}` : String(error);
}

start().catch(fail);
