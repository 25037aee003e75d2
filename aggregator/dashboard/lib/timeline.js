// Who was in which camera when: a lane for each camera, a bar for each visit.

import { h } from "./dom.js";
import { hour, moment, ms, percent, span, time } from "./format.js";
import { hue } from "./identity.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800].map((seconds) => seconds * 1000);

/** `legs` as /trajectory gives them; `select(visit)` is called when one is chosen. */
export function timeline(legs, id, select) {
  const from = Math.min(...legs.map((leg) => ms(leg.start))), to = Math.max(...legs.map((leg) => ms(leg.end)));
  const room = Math.max(to - from, 2000) * 0.02;
  const start = from - room, length = Math.max(to - from, 2000) + 2 * room;
  const at = (value) => `${(((ms(value) - start) / length) * 100).toFixed(3)}%`;
  const cameras = [...new Set(legs.map((leg) => leg.camera))];
  const step = STEPS.find((one) => length / one <= 6) ?? STEPS.at(-1);
  const ticks = [];
  for (let tick = Math.ceil(start / step) * step; tick < start + length; tick += step) ticks.push(tick);
  return h("div", { class: "timeline id", style: hue(id) },
    cameras.map((camera) => h("div", { class: "lane" }, h("span", { class: "lane-name" }, camera),
      h("div", { class: "lane-bars" }, ticks.map((tick) => h("i", { class: "tick", style: { left: at(tick) } })),
        legs.filter((leg) => leg.camera === camera).map((leg) => h("button", {
          type: "button", class: "bar-visit", data: { visit: leg.visit }, onclick: () => select(leg.visit),
          style: { left: at(leg.start), width: `max(6px, ${(((ms(leg.end) - ms(leg.start)) / length) * 100).toFixed(3)}%)`, opacity: leg.confidence === null ? 0.5 : 0.35 + 0.65 * leg.confidence },
          title: `${camera}, ${moment(leg.start)}, ${span(ms(leg.end) - ms(leg.start))}${leg.confidence === null ? "" : `, ${percent(leg.confidence)} sure`}`,
          "aria-label": `Visit ${leg.visit} in ${camera} at ${moment(leg.start)}` }))))),
    h("div", { class: "lane axis" }, h("span"), h("div", { class: "lane-bars" }, ticks.map((tick) => h("span", { class: "num", style: { left: at(tick) } }, step < 60000 ? time(tick) : hour(tick))))));
}
