// What a probe found, the verdict in words first.

import { attempts, hops, phaseName, waterfall } from "./bars.js";
import { bytes, card, count, el, expiry, facts, moment, ms, table } from "./dom.js";

const SOURCES = {
  target: "The cause is at the target: the host or its name.",
  network: "The cause is on the way there, in the network.",
  us: "The cause is this service, not the target.",
};
const FAMILIES = { ipv4: "IPv4", ipv6: "IPv6" };
const SOON = 14;

/** Return the parts that show a result, and the sentence that sums it up. */
export function answer(result) {
  const sentence = verdict(result);
  const shown = [
    summary(result, sentence),
    expectations(result),
    result.timings.total_ms > 0 || result.error ? card("Where the time goes", waterfall(result)) : null,
    series(result),
    result.hops?.length > 0 ? card("Redirects", hops(result.hops)) : null,
    ...(DETAILS[result.probe]?.(result) ?? []),
    raw(result),
  ];
  return { sentence, parts: shown.filter(Boolean) };
}

function verdict(result) {
  const did = result.probe === "dns" ? ["was looked up", "could not be looked up"] : ["was reached", "was not reached"];
  const reached = `${subject(result)} ${did[result.reached ? 0 : 1]}`;
  const all = result.expectations.length;
  const failed = result.expectations.filter((each) => !each.passed).length;
  if (!result.reached) return `${reached}.`;
  if (failed > 0 && result.verified === false) return `${reached}, but is not to be trusted.`;
  if (failed > 0) return `${reached}, but ${all === 1 ? "not as expected" : `${failed} of ${all} expectations failed`}.`;
  return `${reached}${all > 0 ? ", as expected" : ""}.`;
}

function subject({ probe, host, port }) {
  const plain = !port || (probe === "http" && (port === 80 || port === 443));
  if (plain) return host;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function summary(result, sentence) {
  const { error, statistics, probe } = result;
  const lost = result.reached && statistics ? statistics.sent - statistics.received : 0;
  return el(
    "section",
    { class: `card verdict ${result.ok ? "good" : "bad"}` },
    el("h2", {}, sentence),
    error && el("p", {}, `${phaseName(error.phase, probe)}: ${error.reason}`),
    error && el("p", {}, SOURCES[error.failure_source]),
    !result.reached &&
      result.expectations.length > 0 &&
      el("p", {}, `${count(result.expectations.length, "expectation")} could not be checked, which counts as failed.`),
    lost > 0 && el("p", {}, `${count(lost, "attempt")} of ${statistics.sent} got no answer.`),
    facts(
      [
        ...(HEADLINES[probe]?.(result) ?? []),
        ["Time", result.reached ? ms(result.timings.total_ms) : null],
        ["Address", result.address],
        ["Family", FAMILIES[result.family]],
      ],
      "headlines",
    ),
    result.age_seconds > 0 &&
      el("p", { class: "hint" }, `Found out ${result.age_seconds.toFixed(1)} s before you asked: it was asked already.`),
  );
}

const HEADLINES = {
  http: (result) => [["Status", result.status?.toString()]],
  tls: (result) => [
    ["Certificate", { true: "trusted", false: "not trusted" }[result.verified]],
    ["Expiry", result.days_to_expiry === null ? null : expiry(result.days_to_expiry)],
  ],
  dns: (result) => [["Response", result.rcode], ["Records", result.reached ? `${result.answers.length}` : null]],
  ping: (result) => [["Sent", { icmp: "ICMP echo requests", tcp: `TCP connections to port ${result.port}` }[result.method]]],
};

function expectations({ expectations: list, reached }) {
  if (list.length === 0 || !reached) return null;
  const items = list.map((each) =>
    el(
      "li",
      { class: each.passed ? "good" : "bad" },
      el("b", {}, each.passed ? "Passed" : "Failed"),
      ` ${each.reason} `,
      el("code", {}, each.expectation),
    ),
  );
  return card("Expectations", el("ul", { class: "checks" }, items));
}

function series({ attempts: list, statistics }) {
  if (!list || list.length < 2) return null;
  return card(
    `${list.length} attempts`,
    facts(
      [
        ["Answered", `${statistics.received} of ${statistics.sent}`],
        ["Loss", `${statistics.loss_percent} %`],
        ["Min", ms(statistics.min_ms)],
        ["Mean", ms(statistics.mean_ms)],
        ["Max", ms(statistics.max_ms)],
        ["Deviation", ms(statistics.deviation_ms)],
        ["Jitter", ms(statistics.jitter_ms)],
      ],
      "statistics",
    ),
    attempts(list),
  );
}

const DETAILS = {
  http: (result) => (result.status === null ? [] : [response(result), headers(result)]),
  tls: (result) => (result.version === null ? [] : [connection(result), ...certificates(result)]),
  dns: (result) => (result.rcode === null ? [] : [reply(result), records(result)]),
};

function response(result) {
  const read = result.body_bytes === null ? null : bytes(result.body_bytes);
  return card(
    "Response",
    facts([
      ["HTTP version", result.http_version],
      ["Content type", result.content_type],
      ["Body", read && (result.body_complete === false ? `${read} read, there is more` : read)],
      ["Location", result.location],
      ["TLS", result.tls && `${result.tls.version}, ${result.tls.cipher}`],
      ["Certificate expires", result.tls && `${moment(result.tls.not_after)}, ${expiry(result.tls.days_to_expiry)}`],
      ["Addresses found", result.addresses.join(", ")],
    ]),
  );
}

function headers(result) {
  const rows = Object.entries(result.headers).map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)),
  );
  return rows.length > 0 ? card("Headers", table("Response headers", "headers", ["Name", "Value"], rows)) : null;
}

function connection(result) {
  return card(
    "Connection",
    facts([
      ["Server name", result.server_name],
      ["Why not trusted", result.verify_error],
      ["Version", result.version],
      ["Cipher", result.cipher],
      ["ALPN", result.alpn],
      ["Addresses found", result.addresses.join(", ")],
    ]),
  );
}

function certificates({ certificates: list, chain_complete: complete }) {
  const shown = list.map((each, index) =>
    el(
      "details",
      { open: index === 0 },
      el("summary", {}, `${each.subject || "No subject"} `, validity(each.days_to_expiry)),
      facts([
        ["Names", each.alternative_names.join(", ")],
        ["Issuer", each.issuer],
        ["Valid from", moment(each.not_before)],
        ["Valid until", moment(each.not_after)],
        ["Key", each.key_bits ? `${each.key_type}, ${each.key_bits} bits` : each.key_type],
        ["Signature", each.signature_algorithm],
        ["Serial", each.serial],
        ["SHA-256", each.sha256],
      ]),
    ),
  );
  const note = complete === false && el("p", { class: "hint" }, "This service sees the server’s own certificate only.");
  return shown.length > 0 ? [card(shown.length === 1 ? "Certificate" : "Certificates", shown, note)] : [];
}

function validity(days) {
  const kind = days < SOON ? "bad" : "good";
  return el("span", { class: `pill ${kind}` }, `${days < 0 ? "expired" : "expires"} ${expiry(days)}`);
}

function reply(result) {
  const yes = (value) => (value === null ? null : value ? "yes" : "no");
  return card(
    "Reply",
    facts([
      ["DNS server", result.resolver ?? "the system’s"],
      ["Over", result.transport?.toUpperCase()],
      ["Authoritative", yes(result.authoritative)],
      ["DNSSEC verified by the server", yes(result.authenticated)],
      ["Cut over UDP", yes(result.truncated)],
    ]),
  );
}

function records({ answers, type }) {
  const rows = answers.map((each) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, each.type),
      el("td", {}, el("span", { class: "hint" }, each.name), each.value),
      el("td", { class: "time" }, `${each.ttl} s`),
    ),
  );
  const none = `There are no ${type} records in the answer.`;
  return card("Records", rows.length > 0 ? table("Records", "records", ["Type", "Value", "TTL"], rows) : el("p", {}, none));
}

function raw(result) {
  const text = el("pre", { tabindex: "0", role: "group", "aria-label": "The answer as JSON" }, JSON.stringify(result, null, 2));
  return el("details", { class: "card" }, el("summary", {}, "The answer as JSON"), text);
}
