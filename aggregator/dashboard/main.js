// The page: which view is shown, the theme, and whether the aggregator is there.

import { send, session } from "./lib/api.js";
import { h, put, trouble } from "./lib/dom.js";
import { icon } from "./lib/icons.js";
import { painted } from "./lib/pictures.js";
import { link, site, start } from "./lib/site.js";
import * as camera from "./views/camera.js";
import * as counts from "./views/counts.js";
import * as events from "./views/events.js";
import * as flow from "./views/flow.js";
import * as live from "./views/live.js";
import * as people from "./views/people.js";
import * as person from "./views/person.js";
import * as system from "./views/system.js";

const ROUTES = [
  [/^\/$/, live, "live"],
  [/^\/cameras\/(.+)$/, camera, "live"],
  [/^\/people$/, people, "people"],
  [/^\/people\/([Gg]?\d+)$/, person, "people"],
  [/^\/flow$/, flow, "flow"],
  [/^\/counts$/, counts, "counts"],
  [/^\/events$/, events, "events"],
  [/^\/system$/, system, "system"],
];
const TABS = [["live", "Live", "#/"], ["people", "People", "#/people"], ["flow", "Flow", "#/flow"],
  ["counts", "Counts", "#/counts"], ["events", "Events", "#/events"], ["system", "System", "#/system"]];

const main = document.getElementById("main");
let leave = null;
let turn = 0;

/** Shows the view that the address names. A view gets (main, {parts, query, signal, done}) and may take its time. */
async function show() {
  const [path, text = ""] = (location.hash.slice(1) || "/").split("?");
  const found = ROUTES.find(([pattern]) => pattern.test(path));
  leave?.abort();
  const own = new AbortController();
  leave = own;
  const mine = ++turn;
  for (const tab of document.querySelectorAll("#nav a")) {
    if (tab.dataset.tab === found?.[2]) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const root = h("div", { class: "view" });
  if (!found) {
    put(main, h("div", { class: "empty" }, h("b", null, "There is no such page."), h("a", { href: "#/" }, "To the cameras")));
    return;
  }
  const context = {
    parts: found[0].exec(path).slice(1).map(decodeURIComponent), query: new URLSearchParams(text), signal: own.signal,
    /** Runs `end` when the view is left. */
    done: (end) => own.signal.addEventListener("abort", end, { once: true }),
    /** Writes the query into the address without a new turn. */
    remember: (values) => {
      const pairs = Object.entries(values).filter(([, value]) => value);
      history.replaceState(null, "", `#${path}${pairs.length ? `?${new URLSearchParams(pairs)}` : ""}`);
    },
  };
  put(main, root);
  main.classList.remove("arriving");
  void main.offsetWidth;
  main.classList.add("arriving");
  scrollTo(0, 0);
  document.title = `${found[1].title ?? context.parts[0] ?? ""} · Passage`;
  try {
    await found[1].show(root, context);
  } catch (error) {
    if (mine === turn && error.name !== "AbortError") put(root, trouble(error));
  }
}

function theme() {
  const button = document.getElementById("theme");
  const apply = (name) => {
    document.documentElement.classList.remove("light", "dark");
    if (name !== "auto") document.documentElement.classList.add(name);
    put(button, icon(name));
    button.title = button.ariaLabel = { auto: "Light or dark as the system says", light: "Light", dark: "Dark" }[name];
    localStorage.setItem("theme", name);
  };
  apply(localStorage.getItem("theme") ?? "auto");
  button.onclick = () => apply({ auto: "light", light: "dark", dark: "auto" }[localStorage.getItem("theme") ?? "auto"]);
}

function keys(event) {
  if (event.target.closest("input, select, textarea, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const tab = TABS[Number(event.key) - 1];
  if (tab) location.hash = tab[2];
  else if (event.key === "/") {
    event.preventDefault();
    location.hash = "#/people?find=1";
  }
}

put(document.getElementById("nav"), TABS.map(([name, label, href], i) =>
  h("a", { href, data: { tab: name }, title: `${label} (${i + 1})` }, icon(name), h("span", null, label))));
theme();
link.follow((up) => put(document.getElementById("link"),
  h("span", { class: up ? "dot good" : "dot bad" }), up ? h("span", { class: "sr" }, "connected") : "reconnecting …"));
link.follow((up) => { if (!up) session().catch(() => {}); });  // a session may have ended: then there is a place to log in
session().then((who) => {
  if (!who || who.name === "local") return;
  put(document.getElementById("who"), h("button", { class: "quiet", type: "button", title: `${who.role}: log out`, onclick: async () => {
    await send("DELETE", "/api/session");
    location.reload();
  } }, who.name));
}).catch(() => {});
start();
addEventListener("hashchange", show);
addEventListener("keydown", keys);
document.querySelector(".skip").onclick = (event) => { event.preventDefault(); main.focus(); };
window.passage = { site, painted };  // for benchmarks and tests
show();
