"use strict";

const form = document.getElementById("login");
const field = document.getElementById("token");
const outcome = document.getElementById("outcome");

/** Where to go afterwards: a page of this server only. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") || "/";
  const target = new URL(wanted, location.origin);
  return target.origin === location.origin ? target.href : "/";
}

async function logIn(token) {
  outcome.textContent = "";
  try {
    const answer = await fetch("/api/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) {
      location.replace(next());
      return;
    }
    const { error } = await answer.json();
    outcome.textContent = error.cure ? `${error.message}: ${error.cure}` : error.message;
  } catch (error) {
    outcome.textContent = `No answer: ${error.message}`;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(field.value.trim());
});

// A link such as /login#token=… : what stands after # is never sent, and is gone from the address bar at once.
const linked = new URLSearchParams(location.hash.slice(1)).get("token");
if (linked) {
  history.replaceState(null, "", location.pathname + location.search);
  logIn(linked);
}
