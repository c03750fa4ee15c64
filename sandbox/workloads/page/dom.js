// Elements, and how new ones take the place of old ones. Whatever was told reaches the page as text: nothing here
// parses markup.

/** Make an element; children are elements or text, and those that are null or false are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false));
  return element;
}

/** Make the children of an element be these, and keep those that are the same: focus, selection and what is unfolded stay. */
export function show(parent, ...children) {
  const fresh = children.flat().filter((child) => child !== null && child !== false);
  const keyed = new Map([...parent.children].filter((one) => one.dataset.key).map((one) => [one.dataset.key, one]));
  let next = parent.firstChild;
  for (const child of fresh) {
    const wanted = typeof child === "string" ? document.createTextNode(child) : child;
    const old = (wanted.dataset?.key && keyed.get(wanted.dataset.key)) || (alike(next, wanted) ? next : null);
    if (old) {
      if (old !== next) parent.insertBefore(old, next);
      become(old, wanted);
      next = old.nextSibling;
    } else {
      parent.insertBefore(wanted, next);
    }
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function alike(old, wanted) {
  return old && old.nodeName === wanted.nodeName && old.dataset?.key === wanted.dataset?.key;
}

function become(old, wanted) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // What a person has unfolded stays so.
    if (name !== "open" && !wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  show(old, ...wanted.childNodes);
}
