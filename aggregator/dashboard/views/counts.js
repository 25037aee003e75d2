// How many came and went, when it was full, and what zones and lines counted.

import { empty, h, put, trouble } from "../lib/dom.js";
import { get, has } from "../lib/api.js";
import { barChart } from "../lib/bars.js";
import { count, date, hour, span } from "../lib/format.js";

export const title = "Counts";
const RANGES = { 7200: ["last 2 hours", "minute"], 86400: ["last day", "hour"], 604800: ["last week", "hour"], 2592000: ["last 30 days", "day"] };
const seconds = (value) => (value === null ? "–" : span(value * 1000));
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export async function show(root, { query, signal, remember }) {
  const state = { within: query.get("within") in RANGES ? query.get("within") : "86400", camera: query.get("camera") ?? "" };
  const { cameras } = await get("/api/cameras", {}, signal);
  const pick = (name, label, options) => h("label", { class: "field" }, label, h("select", { name, onchange: (event) => { state[name] = event.target.value; load(); } },
    options.map(([value, text]) => h("option", { value, selected: state[name] === value }, text))));
  const all = h("section", { class: "panel" }), each = h("section", { class: "small-multiples" }), zones = h("section", { class: "panel scroll" }), lines = h("section", { class: "panel scroll" }), full = h("section", { class: "panel scroll" });
  put(root, h("div", { class: "head" }, h("h1", null, "Counts"), pick("camera", "Camera", [["", "all"], ...cameras.map((one) => [one.camera, one.camera])]),
    pick("within", "In the", Object.entries(RANGES).map(([value, [text]]) => [value, text]))), h("div", { class: "stack" }, all, each, zones, lines, full));
  if (!(await has("GET", "/api/analytics/footfall"))) {
    put(all, empty("This aggregator does not count yet."));
    return;
  }
  const head = (...names) => h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col", class: name.startsWith("#") ? "num" : "" }, name.replace("#", "")))));
  const number = (value) => h("td", { class: "num" }, value);

  function bars(rows, step) {
    const slots = new Map();
    for (const row of rows) {
      const slot = slots.get(row.start) ?? { start: row.start, entries: 0, exits: 0, peak: 0 };
      slot.entries += row.entries;
      slot.exits += row.exits;
      slot.peak = Math.max(slot.peak, row.peak);
      slots.set(row.start, slot);
    }
    return [...slots.values()].map((slot) => {
      const label = step === "day" ? date(slot.start) : hour(slot.start);
      return { value: slot.entries, second: slot.peak, label, title: `${date(slot.start)} ${hour(slot.start)}: ${count(slot.entries)} came, ${count(slot.exits)} went, at most ${slot.peak} at once in one camera` };
    });
  }

  async function load() {
    remember(state);
    const [, step] = RANGES[state.within];
    const asked = { since: new Date(Date.now() - state.within * 1000).toISOString(), camera: state.camera };
    try {
      const [footfall, zoned, lined, crowded] = await Promise.all([get("/api/analytics/footfall", { ...asked, step, tz: zone }, signal), get("/api/analytics/zones", asked, signal), get("/api/analytics/lines", asked, signal),
        get("/api/analytics/congestion", { since: new Date(Date.now() - 3600e3).toISOString(), camera: state.camera }, signal).catch(() => ({ rows: [] }))]);
      const total = footfall.rows.reduce((sum, row) => sum + row.entries, 0);
      put(all, h("h2", null, "Who came", h("small", null, `${count(total)} visits began, ${step} by ${step}; the mark is the most at once`)), total ? barChart(bars(footfall.rows, step), { name: "visits that began" }) : empty("Nobody in that time."));
      const names = [...new Set(footfall.rows.map((row) => row.camera))];
      put(each, names.length > 1 ? names.map((camera) => {
        const rows = footfall.rows.filter((row) => row.camera === camera);
        return h("div", { class: "panel" }, h("h2", null, h("a", { href: `#/cameras/${encodeURIComponent(camera)}` }, camera), h("small", null, `${count(rows.reduce((sum, row) => sum + row.entries, 0))} came, at most ${Math.max(...rows.map((row) => row.peak))} at once`)), barChart(bars(rows, step), { name: `visits to ${camera}` }));
      }) : null);
      zones.hidden = !zoned.rows.length;
      put(zones, h("h2", null, "Zones"), h("table", null, head("Zone", "Camera", "#Now", "#Came", "#Went", "#Stay", "#Longest", "#Most at once"), h("tbody", null, zoned.rows.map((row) => h("tr", null,
        h("td", null, h("b", null, row.zone)), h("td", null, row.camera), number(row.now), number(count(row.entries)), number(count(row.exits)), number(seconds(row.mean_dwell_s)), number(seconds(row.max_dwell_s)), number(row.peak))))));
      lines.hidden = !lined.rows.length;
      put(lines, h("h2", null, "Lines"), h("table", null, head("Line", "Camera", "Forward", "#", "Backward", "#", "#Net"), h("tbody", null, lined.rows.map((row) => h("tr", null,
        h("td", null, h("b", null, row.line)), h("td", null, row.camera), h("td", null, row.forward_name), number(count(row.forward)), h("td", null, row.backward_name), number(count(row.backward)), number(count(row.net)))))));
      const latest = new Map(crowded.rows.map((row) => [row.camera, row]));
      full.hidden = !latest.size;
      put(full, h("h2", null, "How full it is", h("small", null, "this hour, against the usual of this hour")), h("table", null, head("Camera", "State", "#People", "#Usual", "#Speed", "#Usual"), h("tbody", null, [...latest.values()].map((row) => h("tr", null,
        h("td", null, row.camera), h("td", null, h("span", { class: `tag level-${row.level}` }, row.level)), number(row.density.toFixed(1)), number(row.usual_density?.toFixed(1) ?? "–"), number(row.speed?.toFixed(2) ?? "–"), number(row.usual_speed?.toFixed(2) ?? "–"))))));
    } catch (error) {
      if (error.name !== "AbortError") put(all, trouble(error));
    }
  }
  await load();
}
