// Elements from plain calls. Text only ever becomes a text node: names of labels and files are hostile input.

let fields = 0;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {Element} E
 * @param {E} element
 * @param {Object<string, any> | null | undefined} attributes
 * @param {any[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") setStyle(/** @type {any} */ (element), value);
    else if (name === "value") /** @type {any} */ (element).value = value;
    else if (name === "dataset") Object.assign(/** @type {any} */ (element).dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** @param {HTMLElement} element @param {Object<string, string>} style */
function setStyle(element, style) {
  for (const [key, text] of Object.entries(style)) element.style.setProperty(key, text);
}

/**
 * Make an element: `h("a.big", { href: "#x", onclick }, "text", other)`.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K | `${K}.${string}`} kind
 * @param {Object<string, any> | null} [attributes]
 * @param {...any} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(/** @type {K} */ (tag));
  if (classes.length) element.className = classes.join(" ");
  return fill(element, attributes, children);
}

/**
 * Make an SVG element.
 * @param {string} tag
 * @param {Object<string, any> | null} [attributes]
 * @param {...any} children
 * @returns {SVGElement}
 */
export function s(tag, attributes, ...children) {
  return fill(/** @type {SVGElement} */ (document.createElementNS(SVG, tag)), attributes, children);
}

/**
 * Replace what is in an element.
 * @template {Element} E
 * @param {E} element
 * @param {...any} children
 * @returns {E}
 */
export function show(element, ...children) {
  element.replaceChildren();
  return fill(element, {}, children);
}

/**
 * Make a select; options are values, or pairs of value and text.
 * @param {Object<string, any>} attributes
 * @param {Array<any>} options
 * @param {any} [chosen]
 */
export function select(attributes, options, chosen) {
  return h("select", attributes, options.map((option) => {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value, selected: String(value) === String(chosen) }, text);
  }));
}

/**
 * Make a labelled field of a form.
 * @param {string} text
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function field(text, input, hint) {
  fields += 1;
  const control = input.matches("input, select, textarea") ? input : /** @type {HTMLElement} */ (input.querySelector("input, select, textarea"));
  control.id ||= `field-${fields}`;
  if (hint) control.setAttribute("aria-describedby", `hint-${fields}`);
  return h("div.field", {}, h("label.field-name", { for: control.id }, text), input, hint ? h("small.faint", { id: `hint-${fields}` }, hint) : null);
}

/**
 * Make a checkbox with its text after it.
 * @param {string} text
 * @param {Object<string, any>} attributes
 */
export function check(text, attributes) {
  const input = h("input", { type: "checkbox", ...attributes });
  return { input, element: h("label.check", {}, input, h("span", {}, text)) };
}

/** @param {any} text @param {() => any} onclick @param {Object<string, any>} [attributes] */
export function button(text, onclick, attributes = {}) {
  const { class: kind, ...rest } = attributes;
  return h("button", { type: "button", class: kind, onclick, ...rest }, text);
}

/**
 * Make a table. A name that begins with `.` is for screen readers alone, one that begins with `#` is over numbers.
 * @param {string[]} names
 * @param {HTMLElement[]} rows
 * @param {string} [kind]
 * @returns {HTMLTableElement}
 */
export function table(names, rows, kind) {
  return h("table", { class: kind },
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col", class: name.startsWith("#") && name[1] ? "number" : null }, name.startsWith(".") ? h("span.hidden-text", {}, name.slice(1)) : name[1] ? name.replace(/^#/, "") : name)))),
    h("tbody", {}, rows));
}

/** @param {number | undefined} ms */
export const time = (ms) => (ms ? new Date(ms).toLocaleString() : "—");

/** @param {number | undefined} number */
export const count = (number) => (number ?? 0).toLocaleString();

/** @param {number | undefined} size */
export function bytes(size) {
  if (size === undefined) return "";
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, size)) / 3)));
  return `${(size / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

/**
 * Call back once things have been quiet for a while; `.cancel()` forgets it.
 * @param {() => any} action
 * @param {number} ms
 */
export function debounced(action, ms) {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/**
 * Return a function that begins a turn. A turn is a function that tells whether no later turn has begun: an answer that
 * arrives after the answer to a later request must not replace it.
 */
export function turns() {
  let latest = 0;
  return () => {
    const mine = ++latest;
    return () => mine === latest;
  };
}

/**
 * Run an action before the next frame is drawn, once however often it was asked for.
 * @param {() => void} action
 */
export function nextFrame(action) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      action();
    });
  };
}

/** @param {Element | EventTarget | null} target @returns {boolean} Whether keys typed there are text. */
export function isTyping(target) {
  return target instanceof Element && target.matches("input:not([type=checkbox]):not([type=radio]):not([type=range]):not([type=color]), textarea, select, [contenteditable=true]");
}
