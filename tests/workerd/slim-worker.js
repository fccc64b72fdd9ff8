// SPDX-License-Identifier: MIT
import * as slim from "heavenbase/slim";
import { tour } from "../hosts/tour.js";

export default {
  async fetch() {
    return Response.json(await tour(slim, { backends: { main: { type: "inmem" } } }));
  },
};
