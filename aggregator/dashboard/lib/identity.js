// How an identity looks: its colour is the one that the camera box draws around it.

import { h, s } from "./dom.js";

const GOLDEN = (Math.sqrt(5) - 1) / 2;
const CHROMA = [0.15, 0.17, 0.11];

/** The hue (in turns) and chroma of an id such as G17: the same as on the pictures. */
export function hue(id) {
  const number = Number.parseInt(String(id).replace(/^[G#]+/, ""), 10) || 0;
  return { "--id-h": ((number * GOLDEN) % 1).toFixed(4), "--id-c": CHROMA[number % 3] };
}

/** A link to somebody. */
export const chip = (id) => (id
  ? h("a", { class: "id chip", style: hue(id), href: `#/people/${id}` }, id)
  : h("span", { class: "tag" }, "not known yet"));

// One person, in a box of 40 × 100.
const SHAPE = "M20 2a9.5 9.5 0 1 1 0 19a9.5 9.5 0 1 1 0-19M20 23c9 0 14 4 14.500 13l1 24c.2 4-4.500 5-5.300 1l-.9-7l-1.300 40c-.2 5-7 5-7.300 0l-.7-24l-.7 24c-.3 5-7.100 5-7.300 0l-1.300-40l-.9 7c-.8 4-5.500 3-5.300-1l1-24c.5-9 5.500-13 14.500-13z";

/** A person's outline over a box in shares of the view, on an SVG of width × height. Nobody grows fat in a wide box. */
export function figure([left, top, right, bottom], width, height, props) {
  const tall = (bottom - top) * height, wide = Math.min((right - left) * width, tall * 0.46);
  const from = ((left + right) / 2) * width - wide / 2;
  return s("path", { d: SHAPE, ...props,
    transform: `translate(${from.toFixed(1)} ${(top * height).toFixed(1)}) scale(${(wide / 40).toFixed(4)} ${(tall / 100).toFixed(4)})` });
}

/** A small silhouette in the id's colour. */
export const avatar = (id, size = 34) => h("span", { class: "id avatar", style: { ...hue(id), width: `${size}px`, height: `${size}px` } },
  s("svg", { viewBox: "-15 -6 70 70", "aria-hidden": "true" }, s("path", { d: SHAPE })));
