// Agents, cameras and the aggregator itself.

import { empty, h, put } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { correct, correctable, corrections } from "../lib/correct.js";
import { ago, count, moment, span } from "../lib/format.js";
import { site, stats } from "../lib/site.js";

export const title = "System";

const bytes = (n) => (n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.round(n / 1e3)} kB`);
const state = (kind, text) => h("span", { class: "row nowrap" }, h("span", { class: `dot ${kind}` }), text);
const head = (...names) => h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col", class: name.startsWith("#") ? "num" : "" }, name.replace("#", "")))));

export async function show(root, { signal, done }) {
  const agents = h("tbody"), cameras = h("tbody"), engine = h("dl", { class: "facts" }), said = h("section", { class: "panel scroll", hidden: true });
  put(root, h("div", { class: "head" }, h("h1", null, "System")), h("div", { class: "stack" },
    h("section", { class: "panel scroll" }, h("h2", null, "Camera boxes"), h("table", null, head("Box", "State", "#Waiting on its disk", "#Clock", "Software", "#Last heard"), agents)),
    h("section", { class: "panel scroll" }, h("h2", null, "Cameras"), h("table", null, head("Camera", "State", "Box", "#People", "#Frames a second", "#Latency", "#Dropped", "#Picture", "Shown"), cameras)),
    h("section", { class: "panel" }, h("h2", null, "Aggregator"), engine), said));

  async function drawCorrections() {
    const { corrections: rows } = await corrections(signal);
    said.hidden = !rows.length;
    put(said, h("h2", null, "What people corrected"), h("table", null, head("When", "Who", "What", ""), h("tbody", null, rows.map((row) => h("tr", { class: row.undone ? "faint undone" : "" },
      h("td", { class: "num" }, moment(row.time)), h("td", null, row.who), h("td", null, row.words),
      h("td", { class: "num" }, row.undone || row.operation === "undo" ? "" : h("button", { class: "small", type: "button", onclick: () => correct({ operation: "undo", number: row.correction }, drawCorrections) }, "Undo")))))));
  }

  function update(now) {
    put(agents, now.agents.length ? now.agents.map((agent) => h("tr", null, h("td", null, h("b", null, agent.agent)),
      h("td", null, agent.connected ? state("good", "connected") : state("bad", "silent")),
      h("td", { class: "num" }, agent.spool.depth ? `${count(agent.spool.depth)} · ${bytes(agent.spool.bytes ?? 0)}` : "nothing"),
      h("td", { class: "num" }, agent.clock_skew_s === null ? "–" : `${agent.clock_skew_s >= 0 ? "+" : "−"}${Math.abs(agent.clock_skew_s).toFixed(2)} s`),
      h("td", null, agent.software), h("td", { class: "num" }, ago(agent.last_seen)))) : h("tr", null, h("td", { colspan: 6 }, empty("No box has connected yet."))));
    put(cameras, now.cameras.map((camera) => {
      const live = camera.live;
      return h("tr", null, h("td", null, h("a", { href: `#/cameras/${encodeURIComponent(camera.camera)}` }, camera.camera)),
        h("td", null, !live ? state("bad", "silent") : live.up === 0 ? state("warm", "no picture") : state("good", "up")),
        h("td", null, camera.agent), h("td", { class: "num" }, live ? live.people ?? 0 : "–"), h("td", { class: "num" }, live?.fps === undefined ? "–" : live.fps.toFixed(1)),
        h("td", { class: "num" }, live?.latency_s === undefined ? "–" : `${Math.round(live.latency_s * 1000)} ms`),
        h("td", { class: "num" }, live?.dropped === undefined ? "–" : count(live.dropped)), h("td", { class: "num" }, `${camera.width} × ${camera.height}`),
        h("td", null, camera.preview ? "faces blurred as its box says" : "pictures stay on the box"));
    }));
    const e = now.engine;
    const facts = [["up since", e.uptime_s === undefined ? "–" : span(e.uptime_s * 1000)], ["messages a second", e.messages_per_s?.toFixed(1) ?? "–"],
      ["waiting to be linked", e.queue === undefined ? "–" : count(e.queue)], ["visits", count(now.store.visits)], ["identities", count(now.store.identities)],
      ["events", count(now.store.events)], ["decisions", count(now.store.decisions)], ["refused", count(Object.values(e.refused ?? {}).reduce((a, b) => a + b, 0))]];
    put(engine, e.problem && h("div", { class: "wide" }, h("dt", null, "trouble"), h("dd", null, e.problem)), facts.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", { class: "num" }, value))));
  }

  update(site.stats ?? await get("/api/stats", {}, signal));
  done(stats.follow(update));
  if (await correctable()) await drawCorrections();
}
