// A visit without a picture: where somebody walked in a camera's view, as a line and silhouettes.

import { s } from "./dom.js";
import { figure, hue } from "./identity.js";

const SHOWN = 5;

/** An SVG of one leg of a trajectory over the camera's view. */
export function visitPicture(leg, { width, height }, id) {
  const w = 320, tall = Math.round(w * Math.min(Math.max((height || 9) / (width || 16), 0.5), 1.25));
  const feet = leg.feet.map(([x, y]) => [x * w, y * tall]);
  const step = Math.max(1, Math.ceil(leg.boxes.length / SHOWN));
  const shown = leg.boxes.map((box, i) => [box, i]).filter(([, i]) => (leg.boxes.length - 1 - i) % step === 0);
  return s("svg", { viewBox: `0 0 ${w} ${tall}`, class: "visit-picture id", style: hue(id), role: "img", "aria-label": `the way through ${leg.camera}` },
    s("path", { class: "floor", d: `M0 ${tall * 0.62}H${w}M${w * 0.5} ${tall * 0.62}L${w * 0.28} ${tall}M${w * 0.5} ${tall * 0.62}L${w * 0.72} ${tall}` }),
    shown.map(([box, i]) => figure(box, w, tall, { class: "figure", opacity: (0.18 + 0.72 * ((i + 1) / leg.boxes.length) ** 1.5).toFixed(2) })),
    feet.length > 1 && s("path", { class: "way", d: `M${feet.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}` }),
    feet.length > 0 && s("circle", { class: "end", cx: feet.at(-1)[0], cy: feet.at(-1)[1], r: 4 }));
}
