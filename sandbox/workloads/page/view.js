// The state as elements: stacks, and in each the way of a request from front door to process.

import { el } from "./dom.js";

const GOOD = new Set(["open", "healthy", "active", "completed", "running", "idle", "busy", "deployed", "primary", "running, healthy"]);
const BAD = new Set(["unhealthy", "failed", "crashloopbackoff", "oomkilled", "stopped", "running, unhealthy", "error", "imagepullbackoff"]);
const KINDS = {
  "http-api": "HTTP API",
  "rest-api": "REST API",
  alb: "Application Load Balancer",
  lambda: "Lambda",
  fargate: "Fargate",
  eks: "EKS",
};
const HUNDRED = 100;
const SHORT = 16;

/** Show one stack. */
export function stack(one) {
  const names = new Map([...one.doors, ...one.groups, ...one.services].map((each) => [each.id, each.name]));
  const title = `stack-${one.name}`;
  return el(
    "section",
    { class: "stack", "data-key": one.name, "aria-labelledby": title },
    el("h2", { id: title }, one.name),
    el(
      "div",
      { class: "columns" },
      column("Front doors", one.doors.map((door) => doorCard(door, names))),
      one.groups.length > 0 && column("Target groups", one.groups.map((group) => groupCard(group, names))),
      column("Services", one.services.map((service) => serviceCard(service, names))),
    ),
  );
}

/** Show one event as a row. */
export function event(one) {
  const at = new Date(one.time * 1000);
  return el(
    "tr",
    { "data-key": `${one.number}`, class: one.level },
    el("td", {}, el("time", { datetime: at.toISOString() }, at.toLocaleTimeString([], { hour12: false }))),
    el("th", { scope: "row" }, one.subject),
    el("td", {}, one.level === "info" ? null : el("b", {}, `${one.level}: `), one.text),
  );
}

/** Say what goes wrong on request, if anything does. */
export function warnings(state) {
  return state.failed_zones.map((zone) =>
    el("p", { class: "card warning", "data-key": zone }, `The zone ${zone} fails, because somebody asked for it. `, el("code", {}, "modeshift sandbox fault clear"), " ends that."),
  );
}

/** Say what nobody has seen, and what does not happen here. */
export function limits(state) {
  const unseen = state.stacks.flatMap((one) => [
    ...one.doors.filter((door) => !door.state).map((door) => `${door.name}: nobody has seen this front door yet.`),
    ...one.services.filter((service) => !service.seen).map((service) => `${service.name}: nobody has seen a process of it yet.`),
  ]);
  const absent = state.not_simulated.map((each) => `${each.name}: ${each.what} is not simulated.`);
  const always = [
    "Requests a second are the mean of the last 10 seconds, counted by front doors and load balancers; a dash is what was never counted.",
    "What holds data is not shown: modeshift sandbox data tells where it is.",
  ];
  return [...new Set([...unseen, ...absent, ...always])].map((text) => el("li", { "data-key": text }, text));
}

function column(title, cards) {
  return el("div", { class: "column" }, el("h3", {}, title), cards.length > 0 ? cards : el("p", { class: "none" }, "none"));
}

function doorCard(door, names) {
  const kind = `${KINDS[door.kind] ?? door.kind}${door.internal ? ", internal" : ""}`;
  return card(door, kind, door.state, [
    door.url && el("p", {}, link(door.url)),
    door.reason && el("p", { class: "reason" }, door.reason),
    figures([["requests", perSecond(door.rate)], ["5xx", perSecond(door.errors), door.errors > 0]]),
    el("ul", { class: "routes" }, door.routes.map((route, number) => routeItem(route, number, names))),
  ]);
}

function routeItem(route, number, names) {
  return el(
    "li",
    { "data-key": `${number} ${route.match}` },
    el("code", {}, route.match),
    route.to.map((end) => el("div", { class: "end", "data-key": end.id || end.words }, arrow(), target(end, names), weight(end))),
  );
}

function arrow() {
  return el("span", { "aria-hidden": "true" }, "→ ");
}

function target(end, names) {
  const name = names.get(end.id);
  const words = end.words ? ` ${end.words}` : "";
  if (!name) return el("span", {}, end.id ? `${end.id.split(":").pop()}${words}` : end.words);
  return el("span", {}, el("a", { href: `#${anchor(end.id)}` }, name), words);
}

function weight(end) {
  if (!end.id) return null;
  return el(
    "span",
    { class: "weight" },
    el("meter", { min: "0", max: `${HUNDRED}`, value: `${end.weight}`, "aria-hidden": "true" }, ""),
    `${end.weight} %`,
  );
}

function groupCard(group, names) {
  return card(group, group.function ? "function" : group.kind, "", [
    figures([["requests", perSecond(group.rate)]]),
    group.function && el("p", {}, arrow(), target({ id: group.function, words: "" }, names)),
    group.targets.length > 0
      ? el("ul", { class: "targets" }, group.targets.map(targetItem))
      : !group.function && el("p", { class: "none" }, "no targets"),
  ]);
}

function targetItem(one) {
  const short = one.id.split(":").slice(-2).join(":");
  return el(
    "li",
    { "data-key": one.id },
    el("span", {}, short),
    pill(one.state),
    el("span", { class: "quiet" }, [one.zone, one.of].filter(Boolean).join(" · ")),
    one.reason && el("span", { class: "reason" }, one.reason),
  );
}

function serviceCard(service, names) {
  const of = service.wanted === null ? "" : ` of ${service.wanted}`;
  const runs = service.compute === "lambda" ? "workers" : service.compute === "eks" ? "pods ready" : "tasks";
  const attached = service.groups.filter((id) => names.has(id));
  return card(service, KINDS[service.compute] ?? service.compute, service.state, [
    figures([
      [runs, service.running === null ? "–" : `${service.running}${of}`, service.wanted !== null && service.running < service.wanted],
      service.compute === "lambda" && ["invocations", perSecond(service.rate)],
      ...service.scaling.map((one) => ["scales", `${one.least ?? "–"} to ${one.most ?? "–"}, now ${one.now ?? "–"}`]),
    ]),
    service.scaling.filter((one) => one.last).map((one) => el("p", { class: "quiet" }, one.last)),
    attached.length > 0 && el("p", { class: "quiet" }, "in ", attached.map((id) => el("a", { href: `#${anchor(id)}` }, names.get(id)))),
    service.deployments.length > 0 && deploymentList(service.deployments),
    service.processes.length > 0 && processList(service),
  ]);
}

function deploymentList(all) {
  return el(
    "ul",
    { class: "deployments" },
    all.map((one) =>
      el(
        "li",
        { "data-key": one.id },
        `${one.status.toLowerCase()} `,
        one.state && pill(one.state.replace("_", " ").toLowerCase()),
        ` ${one.running ?? "–"} of ${one.wanted ?? "–"}${one.failed ? `, ${one.failed} failed` : ""}`,
        one.reason && el("span", { class: "reason" }, one.reason),
      ),
    ),
  );
}

function processList(service) {
  return el(
    "ul",
    { class: "targets", "aria-label": `Processes of ${service.name}` },
    service.processes.map((one) =>
      el(
        "li",
        { "data-key": one.id },
        el("span", {}, one.id.length > SHORT ? `…${one.id.slice(-SHORT)}` : one.id),
        pill(one.state),
        el("span", { class: "quiet" }, [one.pid && `pid ${one.pid}`, one.zone, one.version, ...usage(one)].filter(Boolean).join(" · ")),
        one.restarts > 0 && el("span", { class: "quiet" }, `${one.restarts} restarts`),
        one.reason && el("span", { class: "reason" }, one.reason),
      ),
    ),
  );
}

function usage(one) {
  const cpu = typeof one.cpu === "number" ? `${one.cpu.toFixed(2)} CPU` : "";
  const memory = typeof one.memory_mib === "number" ? `${Math.round(one.memory_mib)} MiB` : "";
  return [cpu, memory];
}

function card(one, kind, state, parts) {
  return el(
    "article",
    { class: "card", id: anchor(one.id), "data-key": one.id, tabindex: "-1", "aria-label": `${one.name}, ${kind}` },
    el("h4", {}, one.name, " ", el("span", { class: "kind" }, kind), state && pill(state.replace("_", " ").toLowerCase())),
    parts,
  );
}

function figures(pairs) {
  const told = pairs.filter(Boolean);
  return el("dl", { class: "figures" }, told.map(([name, value, bad]) => el("div", { class: bad ? "bad" : null }, el("dt", {}, name), el("dd", {}, value))));
}

function pill(state) {
  if (!state) return el("span", { class: "pill" }, "not known");
  const known = state.toLowerCase();
  return el("span", { class: `pill ${GOOD.has(known) ? "good" : BAD.has(known) ? "bad" : "odd"}` }, known);
}

function perSecond(rate) {
  return rate === null ? "–" : `${rate.toFixed(rate < 10 ? 1 : 0)}/s`;
}

function anchor(id) {
  return `at-${id.replace(/[^A-Za-z0-9]/g, "-")}`;
}

/** Make a link of an address of this machine; anything else is text. */
function link(url) {
  return /^https?:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/|$)/.test(url) ? el("a", { href: url, rel: "noreferrer" }, url) : el("span", {}, url);
}
