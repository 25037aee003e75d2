"use strict";

const root = document.documentElement;
const theme = document.getElementById("theme");
const filter = document.getElementById("filter");

function isDark() {
  if (root.classList.contains("dark")) return true;
  return !root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches;
}
function paint(choice) {
  root.classList.remove("dark", "light");
  if (choice) root.classList.add(choice);
  theme.textContent = isDark() ? "Light" : "Dark";
}
paint(localStorage.getItem("passage-theme"));
theme.hidden = filter.hidden = false;
theme.addEventListener("click", () => {
  const choice = isDark() ? "light" : "dark";
  localStorage.setItem("passage-theme", choice);
  paint(choice);
});

filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const route of document.querySelectorAll(".route")) {
    const text = route.querySelector("summary").textContent.toLowerCase();
    route.hidden = !words.every((word) => text.includes(word));
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector(".route:not([hidden])");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT/.test(event.target.tagName)) {
    event.preventDefault();
    filter.focus();
  }
});

function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.matches("details")) target.open = true;
}
addEventListener("hashchange", open);
open();

/** The address that a form asks for. */
function address(route, form) {
  let path = route.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.elements) {
    const value = field.value;
    if (!field.name || !value || field.dataset.in === "body") continue;
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
    else if (field.dataset.many) for (const one of value.split(",")) query.append(field.name, one.trim());
    else query.append(field.name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function show(outcome, failed, ...parts) {
  outcome.replaceChildren(...parts);
  outcome.classList.toggle("failed", failed);
  outcome.hidden = false;
}
function block(text) {
  const pre = document.createElement("pre");
  pre.textContent = text;
  return pre;
}

async function send(route, form, outcome) {
  const method = route.dataset.method;
  const file = form.querySelector("[data-in=body]");
  const init = { method };
  if (file && !file.files) {
    init.body = file.value;
    init.headers = { "Content-Type": "application/json" };
  } else if (file && file.files[0]) {
    init.body = file.files[0];
    init.headers = { "Content-Type": file.files[0].type || "image/jpeg" };
  }
  const started = performance.now();
  let answer, body;
  try {
    answer = await fetch(address(route, form), init);
    body = await answer.blob();
  } catch (error) {
    show(outcome, true, `No answer: ${error.message}`);
    return;
  }
  const line = `${answer.status} · ${body.size.toLocaleString()} bytes · ${Math.round(performance.now() - started)} ms`;
  if (body.type.startsWith("image/")) {
    const picture = new Image();
    picture.alt = "The picture that the server answered";
    picture.onload = () => URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(body);
    show(outcome, !answer.ok, line, picture);
    return;
  }
  let text = await body.text();
  try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON: shown as it came */ }
  if (text.length > 200000) text = `${text.slice(0, 200000)}\n…`;
  show(outcome, !answer.ok, line, block(text));
}

/** Connects, or ends the connection that is there. */
function listen(route, form, outcome, button) {
  if (form.socket) { form.socket.close(); return; }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${address(route, form)}`);
  const lines = [];
  const pre = block("");
  form.socket = socket;
  button.textContent = "Disconnect";
  show(outcome, false, "Waiting …", pre);
  socket.onmessage = (message) => {
    lines.unshift(message.data);
    lines.length = Math.min(lines.length, 50);
    pre.textContent = lines.join("\n");
    outcome.firstChild.textContent = "Newest first";
  };
  socket.onclose = (event) => {
    form.socket = null;
    button.textContent = "Connect";
    outcome.firstChild.textContent = `Closed (${event.code}${event.reason ? ` ${event.reason}` : ""})`;
  };
}

for (const route of document.querySelectorAll(".route")) {
  const form = route.querySelector("form");
  const outcome = form.querySelector(".outcome");
  const command = form.querySelector(".command");
  const button = form.querySelector("button");
  const describe = () => {
    if (route.dataset.method === "WS") command.textContent = "";
    else {
      const body = form.querySelector("[data-in=body]");
      const media = body && (body.files ? "--data-binary @person.jpg -H 'Content-Type: image/jpeg'"
        : "-d @body.json -H 'Content-Type: application/json'");
      const file = media ? ` ${media}` : "";
      command.textContent = `curl '${location.origin}${address(route, form)}'${file}`;
    }
  };
  form.addEventListener("input", describe);
  describe();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (route.dataset.method === "WS") listen(route, form, outcome, button);
    else send(route, form, outcome);
  });
}
