// SPDX-License-Identifier: MIT
// A module worker that goes through the list and posts what it saw.
import * as heavenbase from "../../js/entry/browser.js";
import { tour } from "../hosts/tour.js";

tour(heavenbase).then((report) => postMessage({ report }), (error) => postMessage({ error: error.stack }));
