// SPDX-License-Identifier: MIT
// The list that every host passes, as a program of Deno or Bun: in memory, slim, and with a file on the real disk.
// Prints one line of JSON.
import * as heavenbase from "heavenbase";
import * as slim from "heavenbase/slim";
import { readFiles, tour, writeFiles } from "../hosts/tour.js";

const [database] = process.argv.slice(-1);
const { backends, near } = await tour(heavenbase);
const inmem = await tour(slim, { backends: { main: { type: "inmem" } } });
const options = { backends: { main: { type: "sqlite", database } } };
const written = await writeFiles(heavenbase, options);
await readFiles(heavenbase, options, written);
console.log(JSON.stringify({ backends, near, same: JSON.stringify(inmem.near) === JSON.stringify(near), persistence: written.persistence }));
