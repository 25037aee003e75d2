// Line icons, 24 × 24.

import { s } from "./dom.js";

const PATHS = {
  live: "M3 6.500h18v11H3zM8 21h8M10 12a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  people: "M8.500 11a3.500 3.500 0 1 0 0-7a3.500 3.500 0 0 0 0 7M2 20c0-4 2.500-6.500 6.500-6.500S15 16 15 20M16 4.500a3.300 3.300 0 0 1 0 6.300M17.500 13.700c2.800.6 4.500 2.800 4.500 6.300",
  flow: "M3 6h5c6 0 4 12 10 12h3M3 18h5c6 0 4-12 10-12h3",
  counts: "M4 20V11M10 20V4M16 20v-6M21 20H3",
  events: "M12 4a5 5 0 0 1 5 5c0 5 2 6 2 7H5c0-1 2-2 2-7a5 5 0 0 1 5-5zM10 19.500a2 2 0 0 0 4 0",
  system: "M4 5h16v5H4zM4 14h16v5H4zM7.500 7.500h.01M7.500 16.500h.01",
  light: "M12 8a4 4 0 1 1 0 8a4 4 0 1 1 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  dark: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  auto: "M12 3a9 9 0 1 1 0 18a9 9 0 1 1 0-18M12 3v18M15 6v12M18 8.500v7",
  search: "M10.500 4a6.500 6.500 0 1 1 0 13a6.500 6.500 0 1 1 0-13M15.500 15.500L21 21",
};

export const icon = (name) => s("svg", {
  viewBox: "0 0 24 24", width: "20", height: "20", fill: "none", stroke: "currentColor", "stroke-width": "1.7",
  "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
}, s("path", { d: PATHS[name] }));
