// The page: takes the state as it comes, and shows it unless a person has paused it.

import { el, show } from "./dom.js";
import { event, limits, stack, warnings } from "./view.js";

const SCHEMA = 1;
const byId = (id) => document.getElementById(id);
const pause = byId("pause");
let latest = null;

function draw(state) {
  byId("speed").textContent =
    state.speed === 1 ? "" : `Waits of AWS, such as intervals of health checks, are ${state.speed} times shorter here.`;
  show(byId("warnings"), warnings(state));
  show(
    byId("stacks"),
    state.stacks.length > 0
      ? state.stacks.map(stack)
      : el("p", { class: "card" }, "Nothing is up. Bring a stack up: ", el("code", {}, "modeshift up --stack dev")),
  );
  const head = el("thead", {}, el("tr", {}, ["time", "of", "what happened"].map((words) => el("th", { scope: "col" }, words))));
  show(byId("events"), head, el("tbody", {}, [...state.events].reverse().map(event)));
  show(byId("limits"), limits(state));
}

function say(words, kind) {
  const connection = byId("connection");
  if (connection.textContent !== words) connection.textContent = words;
  connection.className = kind;
}

function paused() {
  return pause.getAttribute("aria-pressed") === "true";
}

function take(state) {
  latest = state;
  if (state.schema !== SCHEMA) {
    say("The sandbox is newer than this page: load it again.", "bad");
  } else if (!paused()) {
    say("Live", "good");
    draw(state);
  }
}

pause.addEventListener("click", () => {
  pause.setAttribute("aria-pressed", `${!paused()}`);
  pause.textContent = paused() ? "Go on" : "Pause";
  if (paused()) say("Paused", "odd");
  else if (latest) take(latest);
});

const live = new EventSource("live");
live.addEventListener("state", (message) => take(JSON.parse(message.data)));
live.addEventListener("error", () => say("No connection to the sandbox: what is shown is old. Trying again …", "bad"));
