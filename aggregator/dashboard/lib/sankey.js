// Origins on the left, destinations on the right, ribbons as wide as people are many.

import { narrow, s } from "./dom.js";
import { count, many, span } from "./format.js";

const GAP = 9, BAR = 10, LEAST = 3, LETTER = 8.2, COUNT = 52;

/** `rows` as /api/analytics/flow gives them. */
export function sankey(rows) {
  const shown = rows.filter((row) => row.people > 0).slice(0, 60);
  const names = [...new Set(shown.flatMap((row) => [row.origin, row.destination]))].sort();
  const [W, most] = narrow() ? [420, 130] : [900, 230];
  const SIDE = Math.min(most, COUNT + LETTER * Math.max(2, ...names.map((name) => name.length))), fits = Math.floor((SIDE - COUNT) / LETTER + 1e-6);
  const total = shown.reduce((sum, row) => sum + row.people, 0);
  const tall = Math.max(180, Math.min(620, names.length * 46));
  const column = (key) => {
    const sums = new Map();
    for (const row of shown) sums.set(row[key], (sums.get(row[key]) ?? 0) + row.people);
    const list = names.filter((name) => sums.has(name));
    const room = tall - GAP * (list.length - 1);
    let y = 0;
    return new Map(list.map((name) => {
      const height = Math.max(LEAST, (sums.get(name) / total) * room), place = { y, height, used: 0, people: sums.get(name) };
      y += height + GAP;
      return [name, place];
    }));
  };
  const left = column("origin"), right = column("destination");
  const place = (name) => ({ "--id-h": ((names.indexOf(name) * 0.381966) % 1).toFixed(3), "--id-c": 0.11 });
  const ribbons = [...shown].sort((a, b) => names.indexOf(a.origin) - names.indexOf(b.origin) || names.indexOf(a.destination) - names.indexOf(b.destination)).map((row) => {
    const a = left.get(row.origin), b = right.get(row.destination);
    const ha = (row.people / a.people) * a.height, hb = (row.people / b.people) * b.height;
    const ya = a.y + a.used, yb = b.y + b.used, x1 = SIDE + BAR, x2 = W - SIDE - BAR, mid = (x1 + x2) / 2;
    a.used += ha;
    b.used += hb;
    return s("path", { class: "ribbon id", style: place(row.origin),
      d: `M${x1} ${ya}C${mid} ${ya} ${mid} ${yb} ${x2} ${yb}V${yb + hb}C${mid} ${yb + hb} ${mid} ${ya + ha} ${x1} ${ya + ha}Z` },
    s("title", null, `${row.origin} → ${row.destination}: ${many(row.people, "person", "people")}, mostly ${span(Math.max(0, row.median_s) * 1000)} on the way`));
  });
  const bars = (places, x, text, anchor) => [...places].map(([name, { y, height, people }]) => s("g", { class: "id", style: place(name) },
    s("rect", { x, y, width: BAR, height, rx: 2 }), s("text", { x: text, y: y + height / 2, dy: "0.35em", "text-anchor": anchor }, name.length > fits ? `${name.slice(0, fits - 1)}…` : name, s("title", null, name), s("tspan", { class: "sankey-count", dx: 6 }, count(people)))));
  return s("svg", { viewBox: `0 -6 ${W} ${tall + 12}`, class: "sankey", role: "img", "aria-label": "how people flow between places" },
    ribbons, bars(left, SIDE, SIDE - 10, "end"), bars(right, W - SIDE - BAR, W - SIDE + 10, "start"));
}
