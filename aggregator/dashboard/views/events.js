// What happened, with filters; new events come by themselves.

import { empty, h, put, trouble } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { moment, span } from "../lib/format.js";
import { chip } from "../lib/identity.js";
import { happened, site } from "../lib/site.js";

export const title = "Events";
const MOST = 120;
const AT_ONCE = 25;  // more in half a second cannot be read; the filters and the API have them all
const EVERY_MS = 500;

// What the other columns say already, or only programs want to know.
const LEFT_OUT = new Set(["frame", "label", "entered", "forward"]);
const told = (key, value) => (value === true ? key : typeof value !== "number" ? `${key} ${typeof value === "object" ? JSON.stringify(value) : value}` :
  key.endsWith(" s") ? `${key.slice(0, -2)} ${span(value * 1000)}` : `${key} ${+value.toFixed(2)}`);
const words = (event) => Object.entries(event.data ?? {}).filter(([key, value]) => !LEFT_OUT.has(key) && value !== false && value !== null)
  .map(([key, value]) => told(key.replaceAll("_", " "), value)).join(", ");

const row = (event) => h("tr", { data: { event: event.event } },
  h("td", { class: "num faint" }, moment(event.time)), h("td", null, h("a", { href: `#/cameras/${encodeURIComponent(event.camera)}` }, event.camera)),
  h("td", null, event.kind.replaceAll("_", " ")), h("td", null, event.global_id ? chip(event.global_id) : ""), h("td", { class: "faint small" }, words(event)));

export async function show(root, { query, signal, done, remember }) {
  const state = { camera: query.get("camera") ?? "", kind: query.get("kind") ?? "", identity: query.get("identity") ?? "" };
  const { cameras } = await get("/api/cameras", {}, signal);
  const kinds = new Set(["track_started", "track_ended", "re_entered", "id_switch_mitigated"]);
  const body = h("tbody");
  const foot = h("div", { class: "row more" });
  const live = h("small", { class: "faint num" });
  const choose = (name, label, options) => h("label", { class: "field" }, label, h("select", {
    name, onchange: (event) => { state[name] = event.target.value; load(); },
  }, h("option", { value: "" }, "all"), options.map((one) => h("option", { value: one, selected: state[name] === one }, one.replaceAll("_", " ")))));
  const kindField = choose("kind", "Kind", [...kinds]);
  const who = h("input", { type: "text", size: 6, placeholder: "G17", value: state.identity, "aria-label": "Identity",
    onchange: (event) => { state.identity = event.target.value.trim(); load(); } });
  put(root, h("div", { class: "head" }, h("h1", null, "Events"), live,
    choose("camera", "Camera", cameras.map((camera) => camera.camera)), kindField, h("label", { class: "field" }, "Who", who)),
  h("div", { class: "panel scroll" }, h("table", { class: "events" }, h("thead", null, h("tr", null, ["Time", "Camera", "What", "Who", ""].map((name) => h("th", { scope: "col" }, name)))), body), foot));

  function learn(kind) {
    if (kinds.has(kind)) return;
    kinds.add(kind);
    kindField.querySelector("select").append(h("option", { value: kind, selected: state.kind === kind }, kind.replaceAll("_", " ")));
  }

  let cursor = null;
  let paged = false;  // who reads on further down is not to lose the place
  async function load(more = false) {
    remember(state);
    paged = more;
    try {
      const page = await get("/api/events", { ...state, limit: 100, cursor: more ? cursor : "" }, signal);
      page.events.forEach((event) => learn(event.kind));
      const rows = page.events.map(row);
      if (more) body.append(...rows);
      else put(body, rows.length ? rows : h("tr", null, h("td", { colspan: 5 }, empty("Nothing that matches."))));
      cursor = page.next;
      put(foot, cursor && h("button", { type: "button", onclick: () => load(true) }, "Older"));
    } catch (error) {
      if (error.name !== "AbortError") put(body, h("tr", null, h("td", { colspan: 5 }, trouble(error))));
    }
  }

  await load();
  let fresh = [];
  let timer = 0;
  function draw() {
    timer = 0;
    live.textContent = site.rate >= 0.1 ? `${site.rate.toFixed(site.rate < 10 ? 1 : 0)} a second` : "";
    body.querySelector(".empty")?.closest("tr").remove();
    body.prepend(...fresh.slice(-AT_ONCE).reverse().map(row));
    fresh = [];
    while (body.childElementCount > (paged ? 2000 : MOST)) body.lastElementChild.remove();
  }
  done(() => clearTimeout(timer));
  done(happened.follow((news) => {
    for (const { type, data } of news) {
      if (type !== "event" || (state.camera && data.camera !== state.camera) || (state.kind && data.kind !== state.kind)
        || (state.identity && data.global_id !== state.identity.toUpperCase())) continue;
      learn(data.kind);
      fresh.push(data);
    }
    fresh.splice(0, fresh.length - AT_ONCE);
    if (fresh.length) timer ||= setTimeout(draw, EVERY_MS);
  }));
}
