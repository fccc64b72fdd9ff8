// SPDX-License-Identifier: MIT
// The package by its name, for a bundler to find.
import * as heavenbase from "heavenbase";
import { expose } from "./expose.js";

expose(heavenbase);
