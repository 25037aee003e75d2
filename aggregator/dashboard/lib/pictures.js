// Live pictures: one socket for all cameras in sight. The newest is painted; what cannot be painted in time is left out.

import { Feed } from "./feed.js";
import { query } from "./api.js";

const STEPS = [160, 240, 320, 480, 640, 960, 1280, 1920];
const SETTLE_MS = 250;
const decoder = new TextDecoder();
let all = 0;

/** Pictures painted since the page was opened. */
export const painted = () => all;

/** Cameras on screen. `fps` for a given number of cameras in sight may be handed in. */
export class Wall {
  constructor({ fps = (n) => (n <= 2 ? 15 : n <= 6 ? 8 : n <= 16 ? 4 : 2) } = {}) {
    this.fps = fps;
    this.tiles = new Map();
    this.asked = "";
    this.feed = null;
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.tile.visible = entry.isIntersecting;
      this.settle();
    }, { rootMargin: "80px" });
    this.hidden = () => this.settle();
    document.addEventListener("visibilitychange", this.hidden);
    addEventListener("resize", this.hidden);
  }

  /** Paint a camera into a canvas. `seen(about)` is called with who is where in each picture. */
  add(camera, canvas, seen = () => {}) {
    const tile = { camera, canvas, seen, visible: false, busy: false, next: null, context: canvas.getContext("2d", { alpha: false }) };
    canvas.tile = tile;
    this.tiles.set(camera, tile);
    this.sight.observe(canvas);
  }

  remove(camera) {
    const tile = this.tiles.get(camera);
    if (!tile) return;
    this.sight.unobserve(tile.canvas);
    this.tiles.delete(camera);
    this.settle();
  }

  settle() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), SETTLE_MS);
  }

  ask() {
    const inSight = document.hidden ? [] : [...this.tiles.values()].filter((tile) => tile.visible);
    const wide = Math.max(0, ...inSight.map((tile) => tile.canvas.clientWidth)) * Math.min(devicePixelRatio, 2);
    const address = inSight.length ? `/api/ws/pictures${query({
      camera: inSight.map((tile) => tile.camera).sort(),
      width: STEPS.find((step) => step >= wide * 0.9) ?? STEPS.at(-1), fps: this.fps(inSight.length),
    })}` : "";
    if (address === this.asked) return;
    this.asked = address;
    if (!address) {
      this.feed?.close();
      this.feed = null;
    } else if (this.feed) this.feed.again();
    else this.feed = new Feed(() => this.asked, { binary: true, message: (data) => this.take(data) });
  }

  take(data) {
    const length = new DataView(data).getUint32(0, true);
    const about = JSON.parse(decoder.decode(new Uint8Array(data, 4, length)));
    const tile = this.tiles.get(about.camera);
    if (!tile) return;
    tile.next = { about, jpeg: new Uint8Array(data, 4 + length) };
    if (!tile.busy) this.paint(tile);
  }

  async paint(tile) {
    tile.busy = true;
    while (tile.next) {
      const { about, jpeg } = tile.next;
      tile.next = null;
      let bitmap;
      try {
        bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));  // decoded off this thread
      } catch {
        continue;
      }
      await new Promise(requestAnimationFrame);
      if (tile.canvas.width !== bitmap.width || tile.canvas.height !== bitmap.height) {
        tile.canvas.width = bitmap.width;
        tile.canvas.height = bitmap.height;
      }
      tile.context.drawImage(bitmap, 0, 0);
      bitmap.close();
      all += 1;
      tile.canvas.classList.add("painted");
      tile.marks = about.marks;
      tile.seen(about);
    }
    tile.busy = false;
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.hidden);
    removeEventListener("resize", this.hidden);
    this.sight.disconnect();
    this.feed?.close();
    this.tiles.clear();
  }
}

/** Who was pointed at: the global id of the smallest box under the pointer, or null. */
export function pointedAt(canvas, event) {
  const area = canvas.getBoundingClientRect();
  const scale = Math.min(area.width / canvas.width, area.height / canvas.height);
  const x = (event.clientX - area.left - (area.width - canvas.width * scale) / 2) / (canvas.width * scale);
  const y = (event.clientY - area.top - (area.height - canvas.height * scale) / 2) / (canvas.height * scale);
  const size = ({ box: [l, t, r, b] }) => (r - l) * (b - t);
  const under = (canvas.tile?.marks ?? []).filter(({ global_id, box: [l, t, r, b] }) => global_id && x >= l && x <= r && y >= t && y <= b);
  return under.sort((a, b) => size(a) - size(b))[0]?.global_id ?? null;
}
