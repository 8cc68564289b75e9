// Making elements. Text only ever becomes a text node: names of labels and files are hostile input.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "value") element.value = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** An element: `h("a.big", { href: "#x", onclick }, "text", other)`. */
export function h(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  return fill(element, attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Replaces what is in an element. */
export function show(element, ...children) {
  element.replaceChildren();
  return fill(element, {}, children);
}

/** A short note at the foot of the page, read out by screen readers. */
export function note(text, isError = false) {
  const line = h(isError ? "p.note.bad" : "p.note", {}, text);
  const notes = document.getElementById("notes");
  notes.append(line);
  while (notes.childElementCount > 4) notes.firstElementChild.remove();
  setTimeout(() => line.remove(), isError ? 12000 : 5000);
}

/** A dialog that is gone when it is closed; `build(close)` gives what is in it. */
export function dialog(title, build, kind = "") {
  const opener = document.activeElement;
  const heading = h("h2", { id: `dialog-${Date.now()}` }, title);
  const box = h(`dialog.box${kind ? `.${kind}` : ""}`, { "aria-labelledby": heading.id });
  const close = () => box.close();
  box.append(
    h("div.dialog-head", {}, heading, h("button.quiet", { type: "button", onclick: close, "aria-label": "Close" }, "✕")),
    ...[build(close)].flat(),
  );
  box.addEventListener("close", () => {
    box.remove();
    opener?.focus?.();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Asks before something cannot be taken back. */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    let answer = false;
    const box = dialog(title, (close) => [
      h("p", {}, text),
      h("div.buttons", {},
        h("button", { type: "button", onclick: close }, "Cancel"),
        h("button.danger", { type: "button", onclick: () => { answer = true; close(); } }, action)),
    ]);
    box.addEventListener("close", () => resolve(answer));
  });
}

/** A labelled field of a form. */
export function field(label, control, hint) {
  return h("label.field", {}, h("span", {}, label), control, hint ? h("small", {}, hint) : null);
}

/** A select; options are values or pairs of value and text. */
export function select(attributes, options, chosen) {
  return h("select", attributes, options.map((option) => {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value, selected: String(value) === String(chosen) }, text);
  }));
}

/** Runs something that asks the server; what goes wrong becomes a note. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    note(error.message, true);
    return undefined;
  }
}

export function time(ms) {
  return ms ? new Date(ms).toLocaleString() : "—";
}

export function count(number) {
  return (number ?? 0).toLocaleString();
}
