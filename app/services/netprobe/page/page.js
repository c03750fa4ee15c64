// The page: runs the probe that the form describes and shows the answer, or in a sentence why there is none.

import { answer } from "./answer.js";
import { el } from "./dom.js";
import { Question } from "./question.js";

const LONGEST = 40_000;
const NEEDS_KEY = 401;
const INVALID = 422;
const TOO_MANY = 429;
const UNKNOWN = "Nothing is known of the target.";

const byId = (id) => document.getElementById(id);
const form = byId("form");
const result = byId("result");
const key = byId("key");
const question = new Question(form);
let running = null;

async function run() {
  question.tidy();
  clearErrors();
  showLink();
  running = new AbortController();
  const timer = setTimeout(() => running.abort(new DOMException("", "TimeoutError")), LONGEST);
  showRunning(true);
  const tell = await ask(running.signal).then(
    (reply) => () => show(reply),
    (error) => () => showProblem(...unreachable(error)),
  );
  clearTimeout(timer);
  running = null;
  showRunning(false);
  tell();
}

async function ask(signal) {
  const reply = await fetch(address(), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(key.value && { "X-API-Key": key.value }) },
    body: JSON.stringify(question.body()),
    signal,
  });
  return { reply, document: parsed(await reply.text()) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    // A gateway's own error may be anything.
    return null;
  }
}

function address() {
  return new URL(`${document.body.dataset.probes}/${question.kind}`, location.href).href;
}

function show({ reply, document: found }) {
  if (reply.ok && found?.timings) {
    const { sentence, parts } = answer(found);
    replace(parts);
    announce(sentence);
    return;
  }
  if (reply.status === NEEDS_KEY) askForKey();
  const fields = (found?.errors ?? []).filter((each) => !showError(each));
  showProblem(...refusal(reply, found), fields);
  form.querySelector("[aria-invalid]")?.focus();
}

function refusal(reply, found) {
  const detail = found?.detail;
  if (!detail) return ["No answer of this service", `Something in front of it answered with status ${reply.status}. ${UNKNOWN}`];
  if (reply.status === TOO_MANY) return ["Too many probes", `${detail} ${again(reply)}`];
  if (reply.status === NEEDS_KEY) return ["A key is needed", `${detail} Enter it above and run the probe again.`];
  if (reply.status === INVALID) return ["This cannot be probed", `${detail} What is wrong is told beside each field.`];
  if (reply.status < 500) return ["This cannot be probed", detail];
  const id = found?.request_id ? ` If you report it, name the request ${found.request_id}.` : "";
  return ["The service failed", `${detail}${id}`];
}

function again(reply) {
  const seconds = Number(reply.headers.get("Retry-After"));
  if (!(seconds > 0)) return "Try again later.";
  const at = new Date(Date.now() + 1000 * seconds).toLocaleTimeString([], { timeStyle: "medium" });
  return `Try again in ${seconds} s, at ${at}.`;
}

function unreachable(error) {
  if (error.name === "AbortError") return ["Stopped", "You stopped waiting; the probe itself may still come to its end."];
  if (error.name === "TimeoutError") return ["No answer", "This service took longer than any probe may. Try again."];
  const reason = navigator.onLine ? "It may be restarting, or something blocks the way to it." : "You are offline.";
  return ["The service cannot be reached", `Your browser got no answer from it. ${reason} ${UNKNOWN}`];
}

function showProblem(title, detail, fields = []) {
  const list = fields.map((each) => el("li", {}, `${each.field.replace(/^body\.?/, "") || "request"}: ${each.message}`));
  replace([
    el("section", { class: "card verdict odd" }, el("h2", {}, title), el("p", {}, detail), list.length > 0 && el("ul", {}, list)),
  ]);
  announce(`${title}. ${detail}`);
}

/** Show what is wrong with a field beside it; returns false when the page has no such field. */
function showError({ field, message }) {
  const control = question.control(field);
  if (!control) return false;
  const id = `${control.id}-error`;
  byId(id)?.remove();
  control.closest(".field").append(el("p", { class: "error", id }, `${message[0].toUpperCase()}${message.slice(1)}.`));
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", id);
  unfold(control);
  return true;
}

function clearErrors() {
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
  for (const error of form.querySelectorAll(".error")) error.remove();
}

function unfold(control) {
  const folded = control.closest("details");
  if (folded) folded.open = true;
}

function askForKey() {
  byId("key-field").hidden = false;
  key.focus();
  showCommand();
}

function showRunning(is) {
  result.setAttribute("aria-busy", `${is}`);
  byId("run").setAttribute("aria-disabled", `${is}`);
  if (!is && document.activeElement === byId("stop")) byId("run").focus();
  byId("stop").hidden = !is;
  byId("copy-link").hidden = is;
  if (is) {
    const words = `Probing ${question.subject} …`;
    replace([el("section", { class: "card" }, el("h2", {}, words), el("progress", { "aria-label": words }))]);
    announce(words);
  }
}

function replace(parts) {
  result.replaceChildren(...parts);
  // On a phone the result is below the form.
  if (result.getBoundingClientRect().top > innerHeight / 2) result.scrollIntoView({ block: "start" });
}

function announce(sentence) {
  byId("announcement").textContent = sentence;
}

function showCommand() {
  byId("command").textContent = question.command(address(), !byId("key-field").hidden);
}

function showLink() {
  history.replaceState(null, "", `?${question.query()}`);
}

async function copy(button, text, instead) {
  button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Browsers give the clipboard to pages that came by HTTPS only.
    button.textContent = instead();
  }
  announce(button.textContent);
  setTimeout(() => (button.textContent = button.dataset.label), 2500);
}

function copyCommand(event) {
  const command = byId("command");
  copy(event.target, command.textContent, () => {
    getSelection().selectAllChildren(command);
    return "Selected, copy it now";
  });
}

function copyLink(event) {
  showLink();
  copy(event.target, location.href, () => "The link is in the address bar");
}

function start() {
  if (question.fill(location.search)) byId("hello").textContent = "Filled in from the link. Run it when you are ready.";
  showCommand();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) run();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "probe") question.choose();
    if (event.target.name === "target") question.tidy();
    showCommand();
  });
  form.addEventListener("input", showCommand);
  form.addEventListener("invalid", (event) => unfold(event.target), true);
  byId("stop").addEventListener("click", () => running?.abort());
  byId("copy-command").addEventListener("click", copyCommand);
  byId("copy-link").addEventListener("click", copyLink);
  byId("fallback").hidden = true;
  byId("app").hidden = false;
}

start();
