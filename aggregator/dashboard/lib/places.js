// Zones and lines over a camera's picture: shown with who is in them, drawn and moved, and written down for the box.

import { h, put, s, toast } from "./dom.js";
import { get, has, send } from "./api.js";

const NEAR = 14;  // pixels of the screen within which a corner is meant

const round = (points) => points.map(([x, y]) => [+Math.min(Math.max(x, 0), 1).toFixed(4), +Math.min(Math.max(y, 0), 1).toFixed(4)]);

/** As the box reads it: a GeoJSON file with shares of the view as coordinates. */
export function geojson(shapes) {
  return { type: "FeatureCollection", features: shapes.map((shape) => {
    const points = round(shape.points);
    return { type: "Feature", properties: { name: shape.name, ...shape.more },
      geometry: shape.kind === "zone" ? { type: "Polygon", coordinates: [[...points, points[0]]] } : { type: "LineString", coordinates: points } };
  }) };
}

/** The layer and its tools. `fetch` it again with `refresh()`. */
export class Places {
  constructor(camera, width, height) {
    this.camera = camera;
    this.size = [width, height];
    this.shapes = [];
    this.drawing = null;
    this.chosen = null;
    this.editing = false;
    this.layer = s("svg", { class: "places", viewBox: `0 0 ${width} ${height}`, "aria-label": "zones and lines" });
    this.name = h("input", { type: "text", size: 12, maxlength: 60, "aria-label": "name", oninput: () => { if (this.chosen && this.name.value.trim()) { this.chosen.name = this.name.value.trim(); this.draw(); } } });
    this.told = h("span", { class: "small faint" });
    this.tools = h("div", { class: "row tools", hidden: true },
      h("button", { class: "small", type: "button", onclick: () => this.begin("zone") }, "New zone"), h("button", { class: "small", type: "button", onclick: () => this.begin("line") }, "New line"),
      h("label", { class: "field" }, "Name", this.name), h("button", { class: "small", type: "button", onclick: () => this.remove() }, "Delete"),
      h("button", { class: "small main", type: "button", onclick: () => this.send() }, "Send to the box"),
      h("button", { class: "small", type: "button", onclick: () => this.save() }, "Save as a file"), this.told);
    this.layer.addEventListener("pointerdown", (event) => this.down(event));
    this.layer.addEventListener("pointermove", (event) => this.move(event));
    this.layer.addEventListener("pointerup", () => { this.held = null; });
    this.layer.addEventListener("dblclick", () => this.finish());
    this.keys = (event) => { if (!this.editing || event.target.closest("input")) return; if (event.key === "Enter") this.finish(); if (event.key === "Escape") { this.drawing = null; this.draw(); } if (event.key === "Delete") this.remove(); };
    document.addEventListener("keydown", this.keys);
  }

  /** What the box announced, and who is inside; leaves alone what is being edited. */
  async refresh(signal) {
    if (this.editing || !(await has("GET", "/api/zones"))) return;
    const { zones, lines } = await get("/api/zones", { camera: this.camera }, signal);
    this.shapes = [...zones.map((zone) => ({ kind: "zone", name: zone.zone, points: zone.polygon, now: zone.now, more: zone.dwell_s ? { dwell_s: zone.dwell_s } : {} })),
      ...lines.map((line) => ({ kind: "line", name: line.line, points: line.points, more: { forward: line.forward, backward: line.backward } }))];
    this.draw();
  }

  edit(on) {
    this.editing = on;
    this.tools.hidden = !on;
    this.drawing = this.chosen = null;
    this.layer.classList.toggle("editing", on);
    this.say();
    this.draw();
  }

  begin(kind) {
    this.drawing = { kind, name: `${kind} ${this.shapes.filter((shape) => shape.kind === kind).length + 1}`, points: [], more: {} };
    this.chosen = null;
    this.say();
    this.draw();
  }

  say() {
    this.told.textContent = this.drawing ? `Click the corners of the ${this.drawing.kind} on the picture; Enter or a double click ends it.` : "Drag corners to move them, then send them: the box counts with them at once.";
  }

  finish() {
    const shape = this.drawing;
    if (!shape || shape.points.length < (shape.kind === "zone" ? 3 : 2)) return;
    this.shapes.push(shape);
    this.choose(shape);
    this.drawing = null;
    this.say();
    this.draw();
    this.name.focus();
    this.name.select();
  }

  choose(shape) {
    this.chosen = shape;
    this.name.value = shape?.name ?? "";
  }

  remove() {
    if (!this.chosen) return;
    this.shapes = this.shapes.filter((shape) => shape !== this.chosen);
    this.choose(null);
    this.draw();
  }

  at(event) {
    const area = this.layer.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  down(event) {
    if (!this.editing) return;
    event.preventDefault();
    const [x, y] = this.at(event), area = this.layer.getBoundingClientRect();
    const far = ([px, py]) => Math.hypot((px - x) * area.width, (py - y) * area.height);
    if (this.drawing) {
      const { points, kind } = this.drawing;
      if (kind === "zone" && points.length > 2 && far(points[0]) < NEAR) this.finish();
      else if (!points.length || far(points.at(-1)) > 4) points.push([x, y]);
      this.draw();
      return;
    }
    for (const shape of [...this.shapes].reverse()) {
      const corner = shape.points.findIndex((point) => far(point) < NEAR);
      if (corner >= 0) { this.held = { shape, corner }; this.choose(shape); this.layer.setPointerCapture(event.pointerId); this.draw(); return; }
    }
    this.choose(event.target.shape ?? null);
    this.draw();
  }

  move(event) {
    if (!this.held) return;
    this.held.shape.points[this.held.corner] = round([this.at(event)])[0];
    this.draw();
  }

  draw() {
    const [w, tall] = this.size, unit = w / 100;
    put(this.layer, [...this.shapes, this.drawing].filter((shape) => shape?.points.length).map((shape) => {
      const points = shape.points.map(([x, y]) => [x * w, y * tall]);
      const path = s("path", { d: `M${points.map((point) => point.join(" ")).join("L")}${shape.kind === "zone" && shape !== this.drawing ? "Z" : ""}`, class: `${shape.kind}${shape === this.chosen ? " chosen" : ""}`, "stroke-width": unit * 0.5 });
      path.shape = shape;
      const [x, y] = shape.kind === "zone" ? [points.reduce((sum, [px]) => sum + px, 0) / points.length, points.reduce((sum, [, py]) => sum + py, 0) / points.length] : points[0];
      return s("g", null, path, this.editing && points.map(([px, py]) => s("circle", { cx: px, cy: py, r: unit * 0.9 })),
        s("text", { x, y, "font-size": unit * 3.2, "stroke-width": unit * 0.7 }, shape.kind === "zone" && shape.now !== undefined ? `${shape.name} · ${shape.now}` : shape.name));
    }));
  }

  /** Whether every shape has a name of its own; says so when not. */
  named() {
    const names = this.shapes.map((shape) => `${shape.kind} ${shape.name}`);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice) toast(`Two are called '${twice}': give each a name of its own.`, { bad: true });
    return !twice;
  }

  /** All of them take the place of those that the camera has; `sent` runs when the aggregator has them. */
  async send() {
    if (!this.named()) return;
    const of = (kind, key) => this.shapes.filter((shape) => shape.kind === kind).map((shape) => ({ name: shape.name, [key]: round(shape.points), ...shape.more }));
    try {
      const told = await send("PUT", `/api/cameras/${encodeURIComponent(this.camera)}/places`, { zones: of("zone", "polygon"), lines: of("line", "points") });
      toast(told.connected ? `${told.agent} counts with them from now on.` : `${told.agent} is away: it gets them when it is back.`);
      this.sent?.();
    } catch (error) {
      toast(error.cure ? `${error.message}. ${error.cure}` : error.message, { bad: true, seconds: 10 });
    }
  }

  save() {
    if (!this.shapes.length) { toast("There is no zone and no line yet.", { bad: true }); return; }
    if (!this.named()) return;
    const file = `${this.camera}-places.geojson`;
    const address = URL.createObjectURL(new Blob([JSON.stringify(geojson(this.shapes), null, 1)], { type: "application/geo+json" }));
    h("a", { href: address, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    toast(`Put ${file} on the box, and in its agent.yaml at camera ${this.camera}: zones: ${file} and lines: ${file}`, { seconds: 20 });
  }

  close() { document.removeEventListener("keydown", this.keys); }
}
