// All cameras, and what has just happened.

import { empty, h, put, s } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { count, many } from "../lib/format.js";
import { figure } from "../lib/identity.js";
import { Activity } from "../lib/activity.js";
import { Wall, pointedAt } from "../lib/pictures.js";
import { site, stats } from "../lib/site.js";

export const title = "Live";

function standing(people) {
  const n = Math.min(people, 7);
  return s("svg", { viewBox: "0 0 320 180", class: "standing", "aria-hidden": "true" },
    Array.from({ length: n }, (_, i) => {
      const x = (i + 1) / (n + 1);
      return figure([x - 0.045, 0.38, x + 0.045, 0.78], 320, 180, {});
    }));
}

class Tile {
  constructor(camera) {
    this.canvas = h("canvas", { width: 320, height: 180 });
    this.numbers = h("span", { class: "num" });
    this.still = h("span", { class: "still" });
    this.state = h("span", { class: "dot" });
    this.element = h("a", { class: "tile", href: `#/cameras/${encodeURIComponent(camera.camera)}` },
      h("span", { class: "view-box" }, this.still, this.canvas),
      h("span", { class: "tile-foot" }, this.state, h("b", null, camera.camera), this.numbers));
    this.canvas.addEventListener("click", (event) => {
      const id = pointedAt(this.canvas, event);
      if (id) { event.preventDefault(); location.hash = `#/people/${id}`; }
    });
    this.canvas.addEventListener("pointermove", (event) => { this.canvas.title = pointedAt(this.canvas, event) ?? ""; });
  }

  update(camera) {
    const live = camera.live;
    if (camera.width && camera.height) this.element.style.setProperty("--aspect", Math.min(Math.max(camera.width / camera.height, 1.2), 2));
    this.state.className = `dot ${!live ? "bad" : live.up === 0 ? "warm" : "good"}`;
    const people = live?.people ?? 0;
    const text = !live ? "its box is silent" : live.up === 0 ? "no picture" :
      `${many(people, "person", "people")} · ${live.fps.toFixed(live.fps < 9.5 ? 1 : 0)} fps${live.latency_s === undefined ? "" : ` · ${Math.round(live.latency_s * 1000)} ms`}`;
    if (this.numbers.textContent !== text) this.numbers.textContent = text;
    const still = camera.preview ? "waiting" : `${people}`;
    if (this.shown !== still) {
      this.shown = still;
      this.element.classList.toggle("kept", !camera.preview);
      put(this.still, camera.preview ? h("small", null, "…") : [standing(people), h("small", null, "pictures stay on the box")]);
    }
  }
}

export async function show(root, { done, signal }) {
  const first = site.stats ?? await get("/api/stats", {}, signal);
  const wall = new Wall();
  done(() => wall.close());
  const tiles = new Map();
  const grid = h("div", { class: "grid", id: "grid" });
  const tally = h("dl", { class: "tally" });
  const activity = new Activity(14);
  put(root, h("h1", { class: "sr" }, "Live"), tally,
    h("div", { class: "columns" }, grid, h("aside", { class: "panel" }, h("h2", null, "Just now"), activity.element)));
  done(activity.start());

  function update(now) {
    const up = now.cameras.filter((camera) => camera.live && camera.live.up !== 0).length;
    const cells = [["people in view", count(now.people_now)], ["identities here", count(now.identities_active)],
      ["cameras", now.cameras.length ? `${up} of ${now.cameras.length}` : "none"], ["known in all", count(now.store.identities)]];
    put(tally, cells.map(([name, value]) => h("div", null, h("dd", { class: "num" }, value), h("dt", null, name))));
    for (const camera of now.cameras) {
      let tile = tiles.get(camera.camera);
      if (!tile) {
        tile = new Tile(camera);
        tiles.set(camera.camera, tile);
        grid.append(tile.element);
      }
      if (camera.preview && !wall.tiles.has(camera.camera)) wall.add(camera.camera, tile.canvas);
      tile.update(camera);
    }
    grid.dataset.count = tiles.size > 12 ? "many" : tiles.size > 4 ? "some" : String(tiles.size);
    if (!tiles.size && !grid.firstChild) {
      put(grid, empty("No camera yet.", "Start a box: ", h("code", null, "edge-agent run -c agent.yaml")));
    } else if (tiles.size) grid.querySelector(".empty")?.remove();
  }

  update(first);
  done(stats.follow(update));
}
