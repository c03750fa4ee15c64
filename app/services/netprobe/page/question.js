// What is asked: from the form to the API and back, as a link, as a command. A field's name is its name in the API.

const KINDS = {
  http: {
    target: "url",
    label: "URL",
    example: "https://example.com/",
    attempts: "1",
    about: "Sends a request and times every phase until the body is read.",
  },
  tls: {
    target: "host",
    label: "Host name or address",
    example: "example.com",
    attempts: "",
    about: "Looks at the certificates of a server, trusted or not.",
  },
  dns: {
    target: "name",
    label: "Name",
    example: "example.com",
    attempts: "1",
    about: "Asks a DNS server for records.",
  },
  tcp: {
    target: "host",
    label: "Host name or address",
    example: "example.com",
    attempts: "3",
    about: "Connects to a port and closes the connection again.",
  },
  ping: {
    target: "host",
    label: "Host name or address",
    example: "example.com",
    attempts: "3",
    about: "Sends echo requests, or connects over TCP where ICMP is not permitted.",
  },
};

export class Question {
  #form;
  #target;

  constructor(form) {
    this.#form = form;
    this.#target = form.elements.target;
  }

  get kind() {
    return this.#form.elements.probe.value;
  }

  get subject() {
    return this.#target.value;
  }

  /** Show the fields of the chosen probe, and no others. */
  choose() {
    const { label, example, attempts, about } = KINDS[this.kind];
    for (const field of this.#form.querySelectorAll("[data-kinds]")) {
      field.hidden = !field.dataset.kinds.split(" ").includes(this.kind);
      for (const input of field.querySelectorAll("[name]")) input.disabled = field.hidden;
    }
    this.#form.querySelector("#target-label").textContent = label;
    this.#form.querySelector("#about").textContent = about;
    this.#target.placeholder = example;
    this.#form.elements.count.placeholder = attempts;
    this.tidy();
  }

  /** Write the target as the probe needs it, whatever was pasted: a URL, a host, a host with a port. */
  tidy() {
    const text = this.#target.value.trim();
    if (text === "") return;
    if (this.kind === "http") {
      this.#target.value = plainUrl(text.includes("://") ? text : `https://${bracketed(text)}`);
      return;
    }
    const { host, port } = place(text);
    this.#target.value = host;
    if (port && this.kind !== "dns") this.#form.elements.port.value = port;
  }

  /** Return the body of the request. */
  body() {
    const body = {};
    for (const [name, control] of this.#controls()) {
      const value = read(control);
      if (value === undefined) continue;
      const path = name.split(".");
      const last = path.pop();
      path.reduce((part, key) => (part[key] ??= {}), body)[last] = value;
    }
    return body;
  }

  /** Return the query of a link to this question. */
  query() {
    const query = new URLSearchParams({ probe: this.kind });
    for (const [name, control] of this.#controls()) {
      if (control.value.trim() !== "") query.set(name, control.value.trim());
    }
    return query.toString();
  }

  /** Fill in what a link says; returns whether it says anything. */
  fill(query) {
    const given = new URLSearchParams(query);
    this.#form.elements.probe.value = given.get("probe");
    this.choose();
    let any = false;
    for (const [name, control] of this.#controls()) {
      if (!given.has(name)) continue;
      const before = control.value;
      control.value = given.get(name);
      // What the field does not take, such as a choice that it has not.
      if (control.value === "") control.value = before;
      const folded = control.closest("details");
      if (folded && control.value !== "") folded.open = true;
      any = true;
    }
    this.tidy();
    return any;
  }

  /** Return a command that asks the same. */
  command(address, withKey) {
    return [
      `curl -s ${quoted(address)}`,
      ...(withKey ? ['-H "X-API-Key: $API_KEY"'] : []),
      "-H 'Content-Type: application/json'",
      `-d ${quoted(JSON.stringify(this.body()))}`,
    ].join(" \\\n  ");
  }

  /** Return the control that the API means by a field, as in `body.expect.status.0`. */
  control(field) {
    const path = field.replace(/^body\.?/, "");
    return this.#controls().find(([name]) => path === name || path.startsWith(`${name}.`))?.[1];
  }

  #controls() {
    return [...this.#form.elements]
      .filter((control) => control.name && control.name !== "probe" && !control.disabled)
      .map((control) => [control === this.#target ? KINDS[this.kind].target : control.name, control]);
  }
}

function read(control) {
  const text = control.value.trim();
  if (text === "") return undefined;
  if (control.type === "number") return Number(text);
  if (control.dataset.as === "json") return JSON.parse(text);
  if (control.dataset.as === "statuses") {
    return text.split(/[\s,]+/).filter(Boolean).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  }
  return text;
}

function bracketed(text) {
  return text.split(":").length > 2 && !text.startsWith("[") ? `[${text}]` : text;
}

// The browser's parser would also rewrite odd spellings of addresses, which the API refuses on purpose: only names
// that are not ASCII need it.
function plainUrl(text) {
  return (isAscii(text) ? null : parsed(text))?.href ?? text;
}

function plainHost(text) {
  return (isAscii(text) ? null : parsed(`http://${text}/`))?.hostname ?? text;
}

function place(text) {
  if (text.includes("://")) {
    const url = parsed(text);
    return { host: url?.hostname || text, port: url?.port || { "https:": "443", "http:": "80" }[url?.protocol] };
  }
  const [, host, port] = text.match(/^(\[[^\]]*\]|[^:]*):(\d{1,5})$/) ?? [null, text];
  return { host: plainHost(host), port };
}

function isAscii(text) {
  return /^[ -~]*$/.test(text);
}

function parsed(text) {
  try {
    return new URL(text);
  } catch {
    // Not one yet: the API says what is wrong with it.
    return null;
  }
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
