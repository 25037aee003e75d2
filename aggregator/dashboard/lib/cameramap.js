// Cameras as places, drawn nearer the more people go between them; ways as curves. Nodes can be moved, and stay there.

import { h, narrow, s } from "./dom.js";
import { count, span } from "./format.js";
import { hue } from "./identity.js";

const WIDE = [900, 520, 70], NARROW = [420, 400, 40];
const KEPT = "passage.map";

const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { return {}; } };  // in units of WIDE

/** Positions by a spring model that always begins the same way: names → [x, y]. */
function layout(names, rows, [W, H, EDGE]) {
  const n = names.length, index = new Map(names.map((name, i) => [name, i]));
  const x = names.map((_, i) => Math.cos((2 * Math.PI * i) / n)), y = names.map((_, i) => Math.sin((2 * Math.PI * i) / n));
  const pull = rows.filter((row) => index.has(row.origin) && index.has(row.destination) && row.origin !== row.destination)
    .map((row) => [index.get(row.origin), index.get(row.destination), Math.log1p(row.people)]);
  const strongest = Math.max(1, ...pull.map(([, , weight]) => weight));
  for (let round = 0; round < 240; round += 1) {
    const step = 0.06 * (1 - round / 240);
    const dx = new Float64Array(n), dy = new Float64Array(n);
    for (let i = 0; i < n; i += 1) {
      for (let j = i + 1; j < n; j += 1) {
        const ax = x[i] - x[j], ay = y[i] - y[j], far = ax * ax + ay * ay + 0.01, push = 0.5 / far;
        dx[i] += ax * push; dy[i] += ay * push; dx[j] -= ax * push; dy[j] -= ay * push;
      }
      dx[i] -= x[i] * 0.4; dy[i] -= y[i] * 0.4;
    }
    for (const [i, j, weight] of pull) {
      const ax = (x[j] - x[i]) * 1.6 * (weight / strongest), ay = (y[j] - y[i]) * 1.6 * (weight / strongest);
      dx[i] += ax; dy[i] += ay; dx[j] -= ax; dy[j] -= ay;
    }
    for (let i = 0; i < n; i += 1) { x[i] += dx[i] * step; y[i] += dy[i] * step; }
  }
  const fit = (values, from, to) => {
    const low = Math.min(...values), high = Math.max(...values);
    return values.map((value) => (high - low < 1e-6 ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from)));
  };
  const xs = fit(x, EDGE + 30, W - EDGE - 30), ys = fit(y, EDGE, H - EDGE);
  return Object.fromEntries(names.map((name, i) => [name, [xs[i], ys[i]]]));
}

function curve([ax, ay], [bx, by], bend = 0.16) {
  const mx = (ax + bx) / 2 - (by - ay) * bend, my = (ay + by) / 2 + (bx - ax) * bend;
  return `M${ax.toFixed(1)} ${ay.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${bx.toFixed(1)} ${by.toFixed(1)}`;
}

/** The map. `rows` as /api/analytics/flow gives them; `way` is a person's cameras in order, drawn in their colour. */
export function cameraMap(names, rows, { way = [], id, people = {} } = {}) {
  const size = narrow() ? NARROW : WIDE, [W, H, EDGE] = size, [sx, sy] = [W / WIDE[0], H / WIDE[1]];
  const put = Object.entries(kept()).filter(([name]) => names.includes(name)).map(([name, [x, y]]) => [name, [x * sx, y * sy]]);
  const places = { ...layout(names, rows, size), ...Object.fromEntries(put) };
  const most = Math.max(1, ...rows.map((row) => row.people));
  const ways = s("g"), own = s("g", { class: "id", style: id ? hue(id) : {} }), nodes = s("g");
  const svg = s("svg", { viewBox: `0 0 ${W} ${H}`, class: "camera-map", role: "img", "aria-label": "cameras and the ways between them" }, ways, own, nodes);

  function lines() {
    ways.replaceChildren(...rows.filter((row) => places[row.origin] && places[row.destination] && row.origin !== row.destination).map((row) =>
      s("path", { d: curve(places[row.origin], places[row.destination]), class: "flow-way", data: { from: row.origin, to: row.destination },
        style: { opacity: (0.12 + 0.34 * Math.sqrt(row.people / most)).toFixed(2) }, "stroke-width": (1 + 13 * Math.sqrt(row.people / most)).toFixed(1) },
      s("title", null, `${row.origin} → ${row.destination}: ${count(row.people)}${row.median_s === undefined ? "" : `, mostly ${span(Math.max(0, row.median_s) * 1000)} on the way`}`))));
    own.replaceChildren(...way.slice(1).map((camera, i) => (places[camera] && places[way[i]] && camera !== way[i] ?
      s("path", { d: curve(places[way[i]], places[camera], 0.22), class: "own-way", opacity: (0.35 + (0.65 * (i + 1)) / (way.length - 1)).toFixed(2) }) : "")).filter(Boolean));
  }

  function node(name) {
    const here = way.includes(name);
    const group = s("g", { class: here ? "map-node on" : "map-node", tabindex: 0, role: "link", "aria-label": `camera ${name}` },
      s("circle", { r: 15, class: here ? "id" : "", style: here && id ? hue(id) : {} }), s("text", { class: "map-people", dy: "0.35em" }, people[name] ?? ""), s("text", { dy: 33 }, name));
    const place = () => group.setAttribute("transform", `translate(${places[name][0].toFixed(1)} ${places[name][1].toFixed(1)})`);
    const light = (on) => ways.childNodes.forEach((line) => line.classList.toggle("dim", on && line.dataset.from !== name && line.dataset.to !== name));
    const go = () => { location.hash = `#/cameras/${encodeURIComponent(name.split("/")[0])}`; };
    let start = null;
    group.addEventListener("pointerdown", (event) => { start = [event.clientX, event.clientY]; group.setPointerCapture(event.pointerId); });
    group.addEventListener("pointermove", (event) => {
      if (!start || !group.hasPointerCapture(event.pointerId)) return;
      const scale = W / svg.getBoundingClientRect().width, area = svg.getBoundingClientRect();
      if (Math.hypot(event.clientX - start[0], event.clientY - start[1]) < 4 && !group.moved) return;
      group.moved = true;
      places[name] = [Math.min(Math.max((event.clientX - area.left) * scale, EDGE / 2), W - EDGE / 2), Math.min(Math.max((event.clientY - area.top) * scale, 25), H - 45)];
      place();
      lines();
    });
    group.addEventListener("pointerup", () => {
      if (group.moved) localStorage.setItem(KEPT, JSON.stringify({ ...kept(), [name]: [places[name][0] / sx, places[name][1] / sy] }));
      else if (start) go();
      start = null;
      group.moved = false;
    });
    group.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
    for (const [name_, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) group.addEventListener(name_, () => light(on));
    place();
    return group;
  }

  lines();
  nodes.append(...names.map(node));
  return h("div", { class: "map-box" }, svg);
}
