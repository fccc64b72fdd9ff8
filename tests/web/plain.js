// SPDX-License-Identifier: MIT
// No bundler: the entry by its path.
import * as heavenbase from "../../js/entry/browser.js";
import { expose } from "./expose.js";

expose(heavenbase);
