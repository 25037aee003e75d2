// Elements without a framework. Text is always text: nothing from the server is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, v] of Object.entries(value)) element.style.setProperty(name, v);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key in element && typeof value !== "string" && !(element instanceof SVGElement)) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element: h("a", {class: "chip", href: "#/"}, "text", child). */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** Replaces what is inside. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A short message in the corner. `action` is {label, run}. */
export function toast(text, { bad = false, action, seconds = 6 } = {}) {
  const box = h("div", { class: bad ? "toast bad" : "toast" }, h("span", null, text),
    action && h("button", { class: "small", type: "button", onclick: () => { box.remove(); action.run(); } }, action.label));
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}

/** What stands where something could not be shown. */
export const trouble = (error) => h("div", { class: "panel trouble", role: "alert" },
  h("b", null, error.message), error.cure && h("p", { class: "faint" }, error.cure));

/** Whether there is only as much room as on a phone: pictures are then drawn with fewer units, so that text stays legible. */
export const narrow = () => matchMedia("(max-width: 44rem)").matches;

export const empty = (title, ...more) => h("div", { class: "empty" }, h("b", null, title), ...more);
