// A bar chart of plain elements: as wide as its place, readable by screen readers, each bar with its words.

import { h } from "./dom.js";

const LABELS = 8;

function round(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 5, 10].map((k) => k * unit).find((one) => one >= most) ?? 1;
}

/** `bars`: [{value, second, label, title}]; `second` is drawn as a mark (such as a peak). */
export function barChart(bars, { name }) {
  const top = round(Math.max(...bars.map((bar) => Math.max(bar.value, bar.second ?? 0)), 1));
  const every = Math.max(1, Math.ceil(bars.length / LABELS));
  return h("figure", { class: "bars", "aria-label": name },
    h("div", { class: "bars-scale num", "aria-hidden": "true" }, [top, top / 2, 0].map((value) => h("span", null, value.toLocaleString()))),
    h("div", { class: "bars-plot" }, bars.map((bar) => h("div", { class: "bar-slot", title: bar.title, role: "img", "aria-label": bar.title },
      h("i", { style: { height: `${(bar.value / top) * 100}%` } }), Boolean(bar.second) && h("b", { style: { bottom: `${(bar.second / top) * 100}%` } })))),
    h("div", { class: "bars-axis num", "aria-hidden": "true" }, bars.map((bar, i) => (i % every === 0 ? h("span", { style: { left: `${((i + 0.5) / bars.length) * 100}%` } }, bar.label) : null))));
}
