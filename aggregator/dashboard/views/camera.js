// One camera: large, who is in it, and where people stand.

import { empty, h, put, s } from "../lib/dom.js";
import { get, query as text } from "../lib/api.js";
import { moment, ms, span } from "../lib/format.js";
import { chip, figure, hue } from "../lib/identity.js";
import { Wall, pointedAt } from "../lib/pictures.js";
import { Places } from "../lib/places.js";
import { stats } from "../lib/site.js";

const RANGES = [["900", "last 15 min"], ["3600", "last hour"], ["86400", "last day"], ["", "all time"]];
const SILHOUETTES_MS = 2000;
const RECENT_S = 8;

export async function show(root, { parts: [name], query, signal, done, remember }) {
  const path = `/api/cameras/${encodeURIComponent(name)}`;
  const camera = await get(path, {}, signal);
  const canvas = h("canvas", { width: camera.width || 320, height: camera.height || 180, "aria-label": `what ${name} sees now` });
  const ghosts = s("svg", { class: "ghosts", viewBox: `0 0 ${camera.width || 320} ${camera.height || 180}`, "aria-hidden": "true" });
  const heat = h("img", { class: "heat", alt: "where people stood", hidden: true });
  const present = h("div", { class: "row", id: "present" }), numbers = h("p", { class: "faint num" }), latest = h("div", { class: "cards" });
  const places = new Places(name, camera.width || 320, camera.height || 180);
  done(() => places.close());
  const editBox = h("input", { type: "checkbox", id: "edit-places", onchange: (event) => places.edit(event.target.checked) });
  places.sent = () => { editBox.checked = false; places.edit(false); };
  const state = { heat: query.get("heat") ?? "", within: query.get("within") ?? "3600" };

  const drawHeat = () => {
    remember(state);
    heat.hidden = !state.heat;
    if (!state.heat) return;
    const since = state.within ? new Date(Date.now() - state.within * 1000).toISOString() : "";
    heat.src = `${path}/heatmap${text({ format: "png", since, width: 480 })}`;
  };
  const heatBox = h("input", { type: "checkbox", checked: Boolean(state.heat), onchange: (event) => { state.heat = event.target.checked ? "1" : ""; drawHeat(); } });
  const within = h("select", { "aria-label": "heatmap of", onchange: (event) => { state.within = event.target.value; drawHeat(); } },
    RANGES.map(([value, label]) => h("option", { value, selected: value === state.within }, label)));
  put(root, h("div", { class: "head" }, h("h1", null, name), numbers, h("label", { class: "field" }, heatBox, "Heatmap"), within, h("label", { class: "field" }, editBox, "Edit zones")), places.tools,
    h("div", { class: "columns" }, h("div", { class: "stage", style: { "--aspect": (camera.width || 16) / (camera.height || 9) } }, canvas, ghosts, heat, places.layer,
      !camera.preview && h("p", { class: "stage-note" }, "Pictures stay on the box: silhouettes of who was seen in the last seconds.")),
    h("div", { class: "stack" }, h("section", { class: "panel" }, h("h2", null, "In view"), present),
      h("section", { class: "panel" }, h("h2", null, "Latest visits"), latest))));
  drawHeat();

  const showPresent = (ids) => {
    const key = ids.join();
    if (present.dataset.ids === key) return;
    present.dataset.ids = key;
    put(present, ids.length ? ids.map(chip) : h("span", { class: "faint" }, "nobody who is known"));
  };
  showPresent([]);

  if (camera.preview) {
    const wall = new Wall({ fps: () => 15 });
    done(() => wall.close());
    wall.add(name, canvas, (about) => showPresent([...new Set(about.marks.map((mark) => mark.global_id).filter(Boolean))].sort()));
    canvas.addEventListener("click", (event) => { const id = pointedAt(canvas, event); if (id) location.hash = `#/people/${id}`; });
    canvas.addEventListener("pointermove", (event) => {
      const id = pointedAt(canvas, event);
      canvas.title = id ?? "";
      canvas.style.cursor = id ? "pointer" : "";
    });
  }

  async function silhouettes() {
    const since = new Date(Date.now() - RECENT_S * 1000).toISOString();
    const { visits } = await get("/api/visits", { camera: name, since, limit: 12 }, signal);
    const seen = await Promise.all(visits.filter((visit) => !visit.final).map((visit) => get(`/api/visits/${visit.visit}`, {}, signal)));
    put(ghosts, seen.filter((one) => one.path.boxes.length).map((one) => s("g", { class: "id", style: hue(one.global_id ?? "0") },
      figure(one.path.boxes.at(-1), camera.width || 320, camera.height || 180, { class: "figure" }))));
    showPresent([...new Set(seen.map((one) => one.global_id).filter(Boolean))].sort());
  }

  async function visits() {
    const page = await get("/api/visits", { camera: name, limit: 8 }, signal);
    put(latest, page.visits.length ? page.visits.map((visit) => h("div", { class: "card flat" }, chip(visit.global_id),
      h("span", { class: "card-end small faint num" }, `${moment(visit.start)} · ${span(ms(visit.end) - ms(visit.start))}`))) : empty("Nobody yet."));
  }

  async function again() {
    try {
      await Promise.all([visits(), places.refresh(signal), camera.preview ? null : silhouettes()]);
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    timer = setTimeout(again, SILHOUETTES_MS);
  }
  let timer = 0;
  done(() => clearTimeout(timer));
  done(stats.follow((now) => {
    const live = now.cameras.find((one) => one.camera === name)?.live;
    numbers.textContent = !live ? "its box is silent" : `${live.people ?? 0} in view · ${live.fps?.toFixed(1) ?? "–"} fps${live.latency_s === undefined ? "" : ` · ${Math.round(live.latency_s * 1000)} ms`}`;
  }));
  await again();
}
