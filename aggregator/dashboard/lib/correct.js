// What a person says about who is who: sent, told, and taken back with one button.

import { get, has, send } from "./api.js";
import { h, toast } from "./dom.js";

const NAME = "passage.who";

/** Whether this aggregator takes corrections. */
export const correctable = () => has("POST", "/api/corrections");

/** The name under which corrections are written down; asked for once. */
function name() {
  const known = localStorage.getItem(NAME);
  if (known) return Promise.resolve(known);
  return new Promise((done) => {
    const field = h("input", { type: "text", required: true, maxlength: 200, autocomplete: "name", id: "who" });
    const box = h("dialog", null, h("form", { method: "dialog", onsubmit: () => { localStorage.setItem(NAME, field.value.trim()); } },
      h("h2", null, "Who says so?"), h("p", { class: "faint" }, "Corrections are kept with the name of who made them."), h("label", { for: "who" }, "Your name"), field,
      h("div", { class: "row" }, h("button", { class: "main", value: "ok" }, "Go on"), h("button", { type: "button", onclick: () => box.close() }, "Cancel"))));
    box.addEventListener("close", () => { box.remove(); done(box.returnValue === "ok" && field.value.trim() ? field.value.trim() : null); });
    document.body.append(box);
    box.showModal();
  });
}

/** Sends a correction such as {operation: "reject", visit: 4}; true when it was taken. `after` runs then, and after undo. */
export async function correct(body, after) {
  const who = await name();
  if (!who) return false;
  try {
    const made = await send("POST", "/api/corrections", { ...body, who });
    toast(made.words ?? "Done.", { seconds: 12, action: made.operation === "undo" ? undefined : { label: "Undo", run: () => correct({ operation: "undo", number: made.correction }, after) } });
    await after?.(made);
    return true;
  } catch (error) {
    toast(error.cure ? `${error.message}. ${error.cure}` : error.message, { bad: true, seconds: 10 });
    return false;
  }
}

/** The latest corrections, newest first. */
export const corrections = (signal) => get("/api/corrections", { limit: 20 }, signal);
