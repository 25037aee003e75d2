// One person: where now, the whole way, and why we think so.

import { empty, h, narrow, put, trouble } from "../lib/dom.js";
import { get, has } from "../lib/api.js";
import { ago, many, moment, ms, percent, span } from "../lib/format.js";
import { avatar, chip } from "../lib/identity.js";
import { correct, correctable } from "../lib/correct.js";
import { Wall } from "../lib/pictures.js";
import { happened } from "../lib/site.js";
import { timeline } from "../lib/timeline.js";
import { visitPicture } from "../lib/visitpicture.js";

const AGAIN_MS = 1500;
const FIRST = narrow() ? { visits: 4, why: 3 } : { visits: 12, why: 8 };
const MOST = { visits: 60, why: 40 };

const sure = (share) => (share === null ? null : h("span", { class: "row nowrap small", title: "how sure it is that this visit is theirs" },
  h("span", { class: "meter" }, h("i", { style: { width: `${share * 100}%` } })), percent(share)));

const reason = (entry) => h("li", { data: { visit: entry.visit } },
  h("div", { class: "row" }, h("span", { class: `tag op-${entry.operation}` }, { new: "new", link: "recognised", merge: "joined", split: "parted", retract: "taken back", confirm: "confirmed" }[entry.operation] ?? entry.operation),
    h("time", { class: "small faint num" }, moment(entry.time)), sure(entry.confidence)),
  h("p", null, entry.words),
  entry.rivals.length > 0 && h("p", { class: "row small faint" }, "or: ", entry.rivals.slice(0, 4).map((rival) => h("span", { class: "row nowrap" }, chip(rival.global_id), percent(rival.probability)))));

export async function show(root, { parts: [asked], signal, done }) {
  const address = `/api/identities/${asked}`;
  const sizes = Object.fromEntries((await get("/api/cameras", {}, signal)).cameras.map((camera) => [camera.camera, camera]));
  let detail = await get(address, {}, signal);
  const may = await correctable();
  const id = detail.global_id;
  const lead = h("div", { class: "head person-head" }), line = h("section", { class: "panel" }), visits = h("div", { class: "visits" });
  const present = h("section", { class: "panel now", hidden: true }), why = h("ol", { class: "why" }), like = h("div", { class: "cards" }), company = h("div", { class: "cards" });
  put(root, lead, h("div", { class: "columns" },
    h("div", { class: "stack" }, present, line, h("section", { class: "panel" }, h("h2", null, "Visits", h("small", null, "latest first; silhouettes, because no picture is kept")), visits)),
    h("div", { class: "stack" }, h("section", { class: "panel" }, h("h2", null, "Why we think so"), why),
      h("section", { class: "panel" }, h("h2", null, "Looks like"), like),
      h("section", { class: "panel" }, h("h2", null, "Seen with", h("small", null, "in the same views at the same time")), company))));

  const wall = new Wall({ fps: () => 10 });
  done(() => wall.close());
  let shown = "";

  /** What the camera sees in which they are now, where its box allows that. */
  function live(place) {
    const camera = place.here && sizes[place.camera]?.preview ? place.camera : "";
    if (camera === shown) return;
    if (shown) wall.remove(shown);
    shown = camera;
    present.hidden = !camera;
    if (!camera) { put(present); return; }
    const { width, height } = sizes[camera], canvas = h("canvas", { width: width || 320, height: height || 180, "aria-label": `what ${camera} sees now` });
    put(present, h("h2", null, "Now", h("small", null, `what ${camera} sees; nothing of it is kept`)),
      h("a", { class: "stage", href: `#/cameras/${encodeURIComponent(camera)}`, style: { "--aspect": (width || 16) / (height || 9) } }, canvas));
    wall.add(camera, canvas);
  }

  const whole = { visits: false, why: false };

  /** The first ones, and a button for the others: a page of forty visits is no page for a phone. */
  function some(kind, list, rows, each) {
    const most = Math.min(rows.length, MOST[kind]), shown = whole[kind] ? most : Math.min(most, FIRST[kind]);
    put(list, rows.slice(0, shown).map(each));
    if (shown < most) {
      list.append(h(list === why ? "li" : "div", { class: "row more" }, h("button", { class: "small", type: "button",
        onclick: () => { whole[kind] = true; some(kind, list, rows, each); } }, most < rows.length ? `The latest ${most}` : `All ${most}`)));
    }
  }

  function select(visit) {
    if (!visits.querySelector(`[data-visit="${visit}"]`)) visits.querySelector(".more button")?.click();
    for (const element of root.querySelectorAll("[data-visit]")) element.classList.toggle("chosen", element.dataset.visit === String(visit));
    visits.querySelector(`[data-visit="${visit}"]`)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /** After a correction the id may have moved. */
  async function moved() {
    const now = await get(address, {}, signal);
    if (now.global_id === id) await draw();
    else location.hash = `#/people/${now.global_id}`;
  }

  const judge = (leg) => may && h("div", { class: "row judge" },
    h("button", { class: "small", type: "button", title: "this visit is theirs: keep it so", onclick: () => correct({ operation: "confirm", identity: id, visit: leg.visit }, moved) }, "Right"),
    h("button", { class: "small", type: "button", title: "this is somebody else: decide again who", onclick: () => correct({ operation: "reject", visit: leg.visit }, moved) }, "Not them"),
    h("button", { class: "small", type: "button", title: "from this visit on it is somebody else", onclick: () => correct({ operation: "split", identity: id, after: leg.start }, moved) }, "Part here"));

  function joining() {
    const field = h("input", { type: "text", placeholder: "G4", size: 6, "aria-label": "the other identity", required: true, pattern: "[Gg]?[0-9]+" });
    return h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      correct({ operation: "merge", identities: [id, field.value.trim()] }, moved);
    } }, h("label", { class: "field" }, "Same as", field), h("button", { class: "small" }, "Join"),
    h("button", { class: "small", type: "button", onclick: () => correct({ operation: "confirm", identity: id }, moved) }, "All right"));
  }
  const join = may && joining();

  async function draw() {
    const [now, place, way, reasons] = await Promise.all([get(address, {}, signal), get(`${address}/where`, {}, signal), get(`${address}/trajectory`, {}, signal), get(`${address}/why`, {}, signal)]);
    detail = now;
    put(lead, avatar(id, 56), h("div", null, h("h1", null, id, detail.label !== "person" && h("span", { class: "tag" }, detail.label)),
      h("p", { class: "faint", id: "where" }, place.here ? [h("span", { class: "dot good" }), " in ", h("b", null, place.camera), `, since ${moment(place.since)}`] :
        ["last seen in ", h("b", null, place.camera), ` ${ago(place.last_seen)}`],
      ` · ${many(detail.visits, "visit")} in ${span(ms(detail.last_seen) - ms(detail.first_seen))}`)),
    asked.toUpperCase().replace(/^(\d)/, "G$1") !== id && h("span", { class: "tag" }, `${asked.toUpperCase()} is ${id} now`),
    detail.also.length > 0 && h("span", { class: "small faint" }, `also known as ${detail.also.join(", ")}`),
    h("a", { class: "button small", href: `#/flow?who=${id}` }, "On the map"), join);
    live(place);
    put(line, h("h2", null, "When and where"), way.trajectory.length ? timeline(way.trajectory, id, select) : empty("No visit is kept."));
    some("visits", visits, [...way.trajectory].reverse(), (leg) => h("article", { class: "visit", data: { visit: leg.visit }, tabindex: 0, onfocus: () => select(leg.visit) },
      visitPicture(leg, sizes[leg.camera] ?? {}, id),
      h("div", { class: "visit-foot" }, h("b", null, h("a", { href: `#/cameras/${encodeURIComponent(leg.camera)}` }, leg.camera)), sure(leg.confidence),
        h("span", { class: "small faint num" }, `${moment(leg.start)} · ${span(ms(leg.end) - ms(leg.start))}`), judge(leg))));
    some("why", why, [...reasons.entries].reverse(), reason);
    return way.trajectory;
  }

  async function alike(legs) {
    const longest = [...legs].sort((a, b) => b.frames.length - a.frames.length)[0];
    if (!longest) return;
    try {
      const { results } = await get("/api/search", { visit: longest.visit, limit: 6 }, signal);
      const others = results.filter((one) => one.global_id && one.global_id !== id).slice(0, 4);
      put(like, others.length ? others.map((one) => h("a", { class: "card", href: `#/people/${one.global_id}` }, avatar(one.global_id, 34),
        h("span", { class: "card-text" }, h("b", null, one.global_id), h("span", { class: "small faint" }, `${one.camera}, ${moment(one.start)}`)),
        h("span", { class: "small num faint" }, one.similarity.toFixed(2)))) : h("p", { class: "faint small" }, "Nobody else."));
    } catch (error) {
      if (error.name !== "AbortError") put(like, h("p", { class: "small faint" }, error.message));
    }
  }

  async function together() {
    if (!(await has("GET", "/api/identities/{id}/company"))) return;
    const { rows } = await get(`${address}/company`, { limit: 5 }, signal);
    put(company, rows.length ? rows.map((one) => h("a", { class: "card", href: `#/people/${one.global_id}` }, avatar(one.global_id, 34),
      h("span", { class: "card-text" }, h("b", null, one.global_id), h("span", { class: "small faint" }, one.where)),
      h("span", { class: "card-end small num faint" }, h("span", null, many(one.times, "time")), h("span", null, span(one.seconds * 1000))))) : h("p", { class: "faint small" }, "Nobody."));
  }

  document.title = `${id} · Passage`;
  await Promise.all([draw().then(alike), together()]);
  let timer = 0;
  done(happened.follow((news) => {
    if (timer || !news.some(({ data }) => data.global_id === id)) return;
    timer = setTimeout(() => { timer = 0; draw().catch((error) => { if (error.name !== "AbortError") put(why, trouble(error)); }); }, AGAIN_MS);
  }));
  done(() => clearTimeout(timer));
}
