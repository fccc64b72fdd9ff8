// SPDX-License-Identifier: MIT
// Notes in a SQLite file in IndexedDB, found by words. Reload the page: they are still there.
import { HeavenBase, LongText, Timestamp, entity, field } from "heavenbase";

const Note = entity("Note", { text: field(LongText).required(), at: field(Timestamp) });
const ws = await HeavenBase.open("notes", { persist: "idb" });
await ws.register(Note);

const form = document.querySelector("form");
const words = document.querySelector("#words");

async function show() {
  const query = words.value ? ws.query(Note).where(Note.text.hasWords(words.value)) : ws.query(Note);
  const notes = await query.orderBy("at", "desc").limit(20).execute();
  document.querySelector("#notes").replaceChildren(...notes.rows().map(({ text }) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData(form).get("text");
  await ws.upsert(Note, { object_id: crypto.randomUUID(), text, at: new Date() });
  await ws.flush();
  form.reset();
  await show();
});
words.addEventListener("input", show);
await show();
document.documentElement.dataset.ready = "yes";
