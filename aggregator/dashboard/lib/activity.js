// A short list of what has just happened, in words.

import { h, put } from "./dom.js";
import { percent, time } from "./format.js";
import { chip } from "./identity.js";
import { happened, site } from "./site.js";

const WORDS = {
  track_started: "seen", track_ended: "gone", re_entered: "back after being hidden", id_switch_mitigated: "told apart by looks",
  zone_entered: "entered", zone_left: "left", dwell: "stays long", line_crossed: "crossed",
};

/** An event or link of the stream → one line, or null when it says nothing new. */
export function line({ type, data }) {
  if (type === "agent") return { key: `a${data.agent}`, time: data.time, body: [h("span", { class: "tag" }, data.agent), " is here"] };
  if (type === "link") {
    const words = { new: "is somebody new", link: `recognised, ${percent(data.confidence)} sure`, merge: "turned out to be one", split: "turned out to be another", retract: "is open again" };
    return { key: `l${data.visit}${data.operation}${data.global_id}`, time: data.time, body: [chip(data.global_id), ` ${words[data.operation] ?? data.operation} in `, h("b", null, data.camera)] };
  }
  if (type === "correction") return { key: `c${data.correction}`, time: data.time, body: [h("b", null, data.who), " corrected: ", data.words ?? data.operation ?? ""] };
  if (type !== "event" || data.kind === "track_started") return null;
  const place = data.data?.zone ?? data.data?.line;
  return { key: `e${data.event}`, time: data.time, body: [chip(data.global_id), ` ${WORDS[data.kind] ?? data.kind.replaceAll("_", " ")}${place ? ` ${place}` : ""} · `, h("b", null, data.camera)] };
}

export class Activity {
  constructor(most) {
    this.most = most;
    this.element = h("ol", { class: "activity" });
  }

  /** Follows what happens; returns what ends it. */
  start() {
    const draw = () => {
      const lines = [];
      for (let i = site.recent.length - 1; i >= 0 && lines.length < this.most; i -= 1) {
        const one = line(site.recent[i]);
        if (one) lines.push(one);
      }
      put(this.element, lines.length ? lines.map((one) => h("li", null, h("span", null, one.body), h("time", { class: "num" }, time(one.time)))) :
        h("li", { class: "faint" }, "Nothing yet. What happens will stand here."));
    };
    draw();
    return happened.follow(draw);
  }
}
