// SPDX-License-Identifier: MIT
import * as heavenbase from "heavenbase";
import { gatewayTour } from "../hosts/gateway-tour.js";

export default {
  /** @param {Request} request whose body says which gateway */
  async fetch(request) {
    return Response.json(await gatewayTour(heavenbase, "in-a-worker", await request.json()));
  },
};
