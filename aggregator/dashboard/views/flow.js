// How people flow: on the map of cameras, from where to where, and which ways they mostly take.

import { empty, h, put, trouble } from "../lib/dom.js";
import { get, has } from "../lib/api.js";
import { cameraMap } from "../lib/cameramap.js";
import { count, span } from "../lib/format.js";
import { chip } from "../lib/identity.js";
import { sankey } from "../lib/sankey.js";

export const title = "Flow";
const RANGES = [["3600", "last hour"], ["86400", "last day"], ["604800", "last week"], ["2592000", "last 30 days"]];

export async function show(root, { query, signal, remember }) {
  const state = { within: query.get("within") ?? "86400", of: query.get("of") ?? "", who: query.get("who") ?? "" };
  const { cameras } = await get("/api/cameras", {}, signal);
  const pick = (name, label, options) => h("label", { class: "field" }, label, h("select", { name, onchange: (event) => { state[name] = event.target.value; load(); } },
    options.map(([value, text]) => h("option", { value, selected: state[name] === value }, text))));
  const map = h("section", { class: "panel" }), flow = h("section", { class: "panel" }), routes = h("section", { class: "panel scroll" });
  put(root, h("div", { class: "head" }, h("h1", null, "Flow"), state.who && h("span", { class: "row" }, "the way of ", chip(state.who),
    h("button", { class: "small", type: "button", onclick: (event) => { state.who = ""; event.target.parentElement.remove(); load(); } }, "Show all")),
  pick("of", "Between", [["", "cameras"], ["zones", "zones"]]), pick("within", "In the", RANGES)), h("div", { class: "stack" }, map, flow, routes));
  if (!(await has("GET", "/api/analytics/flow"))) {
    put(map, empty("This aggregator does not tell flows yet."));
    flow.hidden = routes.hidden = true;
    return;
  }

  async function load() {
    remember(state);
    const since = new Date(Date.now() - state.within * 1000).toISOString();
    const asked = { since, of: state.of };
    try {
      const [{ rows, routes: ways }, own] = await Promise.all([get("/api/analytics/flow", { ...asked, routes: 12 }, signal),
        state.who ? get(`/api/identities/${state.who}/trajectory`, {}, signal) : null]);
      const names = state.of ? [...new Set(rows.flatMap((row) => [row.origin, row.destination]))].sort() : cameras.map((camera) => camera.camera);
      const people = Object.fromEntries(cameras.map((camera) => [camera.camera, camera.live?.people ?? ""]));
      put(map, h("h2", null, "The map", h("small", null, "nearer where more people go between; drag to where it is in truth")),
        names.length ? cameraMap(names, rows, { people, id: state.who, way: own ? own.trajectory.map((leg) => leg.camera) : [] }) : empty("No places yet."));
      put(flow, h("h2", null, "From where to where", h("small", null, `${count(rows.reduce((sum, row) => sum + row.people, 0))} goings`)),
        rows.length ? [sankey(rows), h("details", null, h("summary", { class: "faint small" }, "As a table"), h("div", { class: "scroll" }, h("table", null,
          h("thead", null, h("tr", null, h("th", { scope: "col" }, "From"), h("th", { scope: "col" }, "To"), h("th", { scope: "col", class: "num" }, "People"), h("th", { scope: "col", class: "num" }, "Mostly"), h("th", { scope: "col", class: "num" }, "At most"))),
          h("tbody", null, rows.slice(0, 100).map((row) => h("tr", null, h("td", null, row.origin), h("td", null, row.destination), h("td", { class: "num" }, count(row.people)),
            h("td", { class: "num" }, span(Math.max(0, row.median_s) * 1000)), h("td", { class: "num" }, span(Math.max(0, row.max_s) * 1000))))))))] : empty("Nobody went from one place to another in that time."));
      const most = Math.max(1, ...ways.map((row) => row.people));
      put(routes, h("h2", null, "Ways that are often taken"), ways.length ? h("ol", { class: "ways" }, ways.map((row) => h("li", null,
        h("span", { class: "way-stops" }, row.route.split(" > ").flatMap((place, i) => [i > 0 && h("i", { "aria-hidden": "true" }, "→"), h("span", { class: "tag" }, place)])),
        h("span", { class: "meter" }, h("i", { style: { width: `${(row.people / most) * 100}%` } })), h("span", { class: "num small" }, count(row.people)), h("span", { class: "num small faint" }, span(row.median_s * 1000))))) : empty("None yet."));
    } catch (error) {
      if (error.name !== "AbortError") { put(map, trouble(error)); put(flow); put(routes); }
    }
  }
  await load();
}
