// What the whole page follows: the site's numbers and what happens. One socket each, however many views look.

import { Feed } from "./feed.js";

const KEPT = 200;
const TELL_MS = 250;

class Channel {
  constructor() { this.takers = new Set(); }
  /** Calls `take` from now on; returns what ends it. */
  follow(take) { this.takers.add(take); return () => this.takers.delete(take); }
  tell(value) { for (const take of this.takers) take(value); }
}

export const stats = new Channel();
export const happened = new Channel();
export const link = new Channel();
export const site = { stats: null, recent: [], connected: false, dropped: 0, received: 0, rate: 0 };

/** Begin to follow. */
export function start() {
  new Feed("/api/ws/stats", {
    message: (text) => { site.stats = JSON.parse(text).data; stats.tell(site.stats); },
    state: (up) => { site.connected = up; link.tell(up); },
  });
  // Hundreds of events a second arrive; views hear of them four times a second, together.
  let waiting = [];
  let timer = 0;
  const marks = [];
  new Feed("/api/ws/events", {
    message: (text) => {
      waiting.push(text);
      site.received += 1;
      if (waiting.length > KEPT) waiting.shift();
      timer ||= setTimeout(() => {
        timer = 0;
        const texts = waiting;
        waiting = [];
        const now = performance.now();
        marks.push([now, site.received]);
        while (marks.length > 2 && now - marks[0][0] > 5000) marks.shift();
        const [first] = marks;
        if (now > first[0]) site.rate = (site.received - first[1]) / ((now - first[0]) / 1000);
        const news = texts.map((one) => JSON.parse(one));
        site.dropped = news.at(-1).dropped;
        site.recent.push(...news);
        site.recent.splice(0, site.recent.length - KEPT);
        happened.tell(news);
      }, TELL_MS);
    },
  });
}
