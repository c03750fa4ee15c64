// Elements, and words for figures. Whatever a server sent reaches the page as text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; children are elements or text, and those that are null or false are left out. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of a drawing. */
export function draw(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false));
  return element;
}

/** Make a titled part of the result. */
export function card(title, ...children) {
  return el("section", { class: "card" }, el("h3", {}, title), ...children);
}

/** Make a list of names and values; pairs without a value are left out, and so is a list without pairs. */
export function facts(pairs, kind = "facts") {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const list = told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return list.length > 0 && el("dl", { class: kind }, list);
}

/** Make a table with a caption for those who cannot see where it stands. */
export function table(caption, kind, headings, rows) {
  const head = headings.map((heading) => el("th", { scope: "col" }, heading));
  return el(
    "table",
    { class: kind },
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, rows),
  );
}

/** Say a time, if there is one. */
export function ms(value) {
  if (value === null) return null;
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ms`;
}

/** Say a number of things. */
export function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

/** Say when something expires, or did. */
export function expiry(days) {
  if (days < 0) return `${count(Math.ceil(-days), "day")} ago`;
  return days < 2 ? `in ${count(Math.floor(days * 24), "hour")}` : `in ${Math.floor(days)} days`;
}

/** Say a number of bytes. */
export function bytes(number) {
  return number < 1024 ? count(number, "byte") : `${(number / 1024).toFixed(1)} KiB`;
}

/** Say a moment, without the letters that separate its parts. */
export function moment(text) {
  return text.replace("T", " ").replace("Z", " UTC");
}
