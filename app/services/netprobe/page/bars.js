// Bars that show when something happened and how long it took. Each stands in a table that says the same in words.

import { draw, el, ms, table } from "./dom.js";

const PHASES = {
  resolve: "Resolve",
  connect: "Connect",
  tls: "TLS",
  first_byte: "First byte",
  transfer: "Transfer",
};
const OTHERWISE = { dns: { first_byte: "Answer" }, ping: { first_byte: "Echo" } };
const THINNEST = 0.6;

/** Name a phase as a probe knows it. */
export function phaseName(phase, probe) {
  return OTHERWISE[probe]?.[phase] ?? PHASES[phase] ?? phase;
}

/** Make the table of the phases of one attempt; the one that it failed in comes last. */
export function waterfall(result) {
  const { timings, error, probe } = result;
  const whole = timings.total_ms;
  const parts = segments(timings);
  const rows = parts.map((part) => row(phaseName(part.kind, probe), bar([part], whole), ms(part.long)));
  // A redirect that may not be followed is no failure of the phase that brought it.
  if (error && error.kind !== "redirect_not_allowed") {
    rows.push(row(phaseName(error.phase, probe), bar([], whole), "failed", "failed"));
  }
  if (parts.length > 1) rows.push(row("Total", null, ms(whole), "total"));
  return table("Milliseconds per phase", "bars", ["Phase", "When", "Time"], rows);
}

/** Make the table of several attempts. */
export function attempts(list) {
  const most = Math.max(...list.map((each) => each.time_ms ?? 0));
  const rows = list.map((each, index) => {
    if (!each.ok) return row(`${index + 1}`, each.error.reason, "failed", "failed");
    return row(`${index + 1}`, bar([{ kind: "attempt", start: 0, long: each.time_ms }], most), ms(each.time_ms));
  });
  return table("Milliseconds per attempt", "bars", ["Attempt", "Outcome", "Time"], rows);
}

/** Make the table of the requests on the way through redirects. */
export function hops(list) {
  const whole = list.reduce((sum, each) => sum + each.timings.total_ms, 0);
  let begun = 0;
  const rows = list.map((each) => {
    const parts = segments(each.timings, begun);
    begun += each.timings.total_ms;
    const request = [el("b", {}, each.status ?? "no answer"), ` ${each.url}`, bar(parts, whole)];
    return el("tr", {}, el("td", {}, request), el("td", { class: "time" }, ms(each.timings.total_ms)));
  });
  return table("Requests on the way", "bars hops", ["Request", "Time"], rows);
}

function segments(timings, begun = 0) {
  const parts = [];
  for (const kind of Object.keys(PHASES)) {
    const long = timings[`${kind}_ms`];
    if (long === null) continue;
    parts.push({ kind, start: begun, long });
    begun += long;
  }
  return parts;
}

function row(name, shown, time, kind = null) {
  return el(
    "tr",
    { class: kind },
    el("th", { scope: "row" }, name),
    el("td", {}, shown),
    el("td", { class: "time" }, time),
  );
}

function bar(parts, whole) {
  const drawn = parts.map((part) => {
    // What takes next to no time must still be seen, and must not leave the drawing.
    const width = Math.max((100 * part.long) / (whole || 1), THINNEST);
    const x = Math.min((100 * part.start) / (whole || 1), 100 - width);
    return draw("rect", { class: part.kind, x: `${x}%`, width: `${width}%`, height: "100%", rx: "3" });
  });
  return draw("svg", { "aria-hidden": "true" }, drawn);
}
