// Everybody who was seen; and whom a photo shows.

import { empty, h, put, toast, trouble } from "../lib/dom.js";
import { get, send } from "../lib/api.js";
import { ago, many, moment, percent, span, ms } from "../lib/format.js";
import { avatar, chip } from "../lib/identity.js";
import { icon } from "../lib/icons.js";

export const title = "People";
const RANGES = [["", "any time"], ["900", "last 15 min"], ["3600", "last hour"], ["86400", "last day"], ["604800", "last week"]];

const card = (one) => h("a", { class: "card", href: `#/people/${one.global_id}`, data: { id: one.global_id } }, avatar(one.global_id, 42),
  h("span", { class: "card-text" }, h("b", null, one.global_id, one.label !== "person" && h("span", { class: "tag" }, one.label)),
    h("span", { class: "faint small" }, one.cameras.join(" · "))),
  h("span", { class: "card-end small faint num" }, h("span", null, ago(one.last_seen)),
    h("span", null, `${many(one.visits, "visit")} in ${span(ms(one.last_seen) - ms(one.first_seen))}`)));

const hit = (one) => h("a", { class: "card hit", href: one.global_id ? `#/people/${one.global_id}` : `#/cameras/${encodeURIComponent(one.camera)}` },
  avatar(one.global_id ?? "0", 42), h("span", { class: "card-text" }, h("b", null, one.global_id ?? `visit ${one.visit}`),
    h("span", { class: "faint small" }, `${one.camera}, ${moment(one.start)}`)),
  h("span", { class: "card-end small num" }, h("span", { class: "meter" }, h("i", { style: { width: `${Math.max(0, one.similarity) * 100}%` } })), `alike by ${one.similarity.toFixed(2)}`));

export async function show(root, { query, signal, done, remember }) {
  const state = { camera: query.get("camera") ?? "", within: query.get("within") ?? "" };
  const { cameras } = await get("/api/cameras", {}, signal);
  const list = h("div", { class: "cards", id: "identities" });
  const more = h("div", { class: "row more" });
  const found = h("section", { class: "panel", id: "found", hidden: true });
  const file = h("input", { type: "file", accept: "image/jpeg,image/png,image/webp", class: "sr", id: "photo", onchange: () => file.files[0] && search(file.files[0]) });
  const drop = h("label", { class: "drop", for: "photo" }, icon("search"), h("span", null, h("b", null, "Find somebody from a photo"),
    h("small", { class: "faint" }, "Drop a picture cut around the person anywhere here, paste one, or choose a file. It is compared and forgotten.")));
  const pick = (name, label, options) => h("label", { class: "field" }, label, h("select", { name, onchange: (event) => { state[name] = event.target.value; load(); } },
    options.map(([value, text]) => h("option", { value, selected: state[name] === value }, text))));
  const jump = h("input", { type: "search", placeholder: "G17", size: 7, "aria-label": "Go to an identity", onchange: () => {
    const id = jump.value.trim().toUpperCase().replace(/^(\d)/, "G$1");
    if (/^G\d+$/.test(id)) location.hash = `#/people/${id}`;
  } });
  put(root, h("div", { class: "head" }, h("h1", null, "People"), jump,
    pick("camera", "Camera", [["", "all"], ...cameras.map((camera) => [camera.camera, camera.camera])]), pick("within", "Seen", RANGES)),
  h("div", { class: "stack" }, h("div", { class: "drop-area" }, file, drop), found, h("section", null, list, more)));

  let cursor = null;
  async function load(next = false) {
    remember(state);
    const since = state.within ? new Date(Date.now() - state.within * 1000).toISOString() : "";
    try {
      const page = await get("/api/identities", { camera: state.camera, since, limit: 60, cursor: next ? cursor : "" }, signal);
      const cards = page.identities.map(card);
      if (next) list.append(...cards);
      else put(list, cards.length ? cards : empty("Nobody.", state.camera || state.within ? "Nobody was seen there and then." : "Who passes a camera will stand here."));
      cursor = page.next;
      put(more, cursor && h("button", { type: "button", onclick: () => load(true) }, "More"));
    } catch (error) {
      if (error.name !== "AbortError") put(list, trouble(error));
    }
  }

  let photo = "", last = null;
  async function search(picture, by = "looks") {
    last = picture;
    if (!picture.type.startsWith("image/")) { toast("That is no picture.", { bad: true }); return; }
    URL.revokeObjectURL(photo);
    photo = URL.createObjectURL(picture);
    found.hidden = false;
    const close = h("button", { class: "small", type: "button", onclick: () => { found.hidden = true; file.value = ""; drop.focus(); } }, "Close");
    const answers = h("div", { class: "cards" }, h("p", { class: "faint" }, "Looking …"));
    const how = h("span", { class: "row", role: "group", "aria-label": "what is compared" }, [["looks", "The whole person"], ["face", "The face"]].map(([value, label]) =>
      h("button", { class: value === by ? "small on" : "small", type: "button", "aria-pressed": String(value === by), data: { by: value }, onclick: () => search(last, value) }, label)));
    put(found, h("h2", null, by === "face" ? "Whose face is this" : "Who looks like this", h("small", null, picture.name), h("span", { class: "push row" }, how, close)),
      h("div", { class: "found" }, h("img", { src: photo, alt: "the photo" }), answers));
    try {
      const answer = await send("POST", "/api/search", picture, { parameters: { limit: 12, camera: state.camera, by: by === "face" ? by : "" }, signal });
      put(answers, answer.results.length ? answer.results.map(hit) : empty("Nobody like that."));
      if (answer.notice) answers.append(h("p", { class: "small faint notice" }, answer.notice));
    } catch (error) {
      if (error.name !== "AbortError") put(answers, trouble(error));
    }
  }

  const over = (event) => { event.preventDefault(); root.classList.add("dropping"); };
  const out = (event) => { if (!event.relatedTarget) root.classList.remove("dropping"); };
  const take = (event) => {
    event.preventDefault();
    root.classList.remove("dropping");
    if (event.dataTransfer.files[0]) search(event.dataTransfer.files[0]);
  };
  const paste = (event) => { const [picture] = event.clipboardData.files; if (picture) search(picture); };
  for (const [name, run] of [["dragover", over], ["dragleave", out], ["drop", take], ["paste", paste]]) document.addEventListener(name, run, { signal });
  done(() => URL.revokeObjectURL(photo));
  await load();
  if (query.get("find")) file.focus();
}
