// Modal dialogs.

import { h } from "./dom.js";
import { notesRegion } from "./notes.js";

let number = 0;

/**
 * Open a dialog, which is removed when it is closed.
 * @param {string} title
 * @param {(close: () => void) => any} build Gives what is in it
 * @param {string} [kind] A class for its width
 * @returns {HTMLDialogElement}
 */
export function dialog(title, build, kind = "") {
  const opener = document.activeElement;
  number += 1;
  const heading = h("h2", { id: `dialog-${number}` }, title);
  const box = h("dialog", { class: `box ${kind}`.trim(), "aria-labelledby": heading.id });
  const close = () => box.close();
  box.append(
    h("div.dialog-head", {}, heading, h("button.quiet", { type: "button", onclick: close, "aria-label": "Close" }, "✕")),
    ...[build(close)].flat(Infinity).filter(Boolean),
    notesRegion(),
  );
  box.addEventListener("close", () => {
    box.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Ask before an action that cannot be undone.
 * @param {string} title
 * @param {string} text
 * @param {string} action
 * @returns {Promise<boolean>}
 */
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

/**
 * Open a dialog with a form. `send` throws what is wrong, which is then shown in the form.
 * @param {string} title
 * @param {string} action The text of its button
 * @param {any[]} fields
 * @param {() => Promise<any>} send
 * @param {string} [kind]
 */
export function formDialog(title, action, fields, send, kind = "") {
  return dialog(title, (close) => {
    const said = h("p.bad", { role: "alert" });
    const main = h("button.main", {}, action);
    const busy = h("progress.thin", { "aria-label": "working", hidden: true });
    /** @param {Event} event */
    const submit = async (event) => {
      event.preventDefault();
      said.textContent = "";
      main.disabled = true;
      busy.hidden = false;
      try {
        await send();
        close();
      } catch (error) {
        said.textContent = /** @type {Error} */ (error).message;
      } finally {
        main.disabled = false;
        busy.hidden = true;
      }
    };
    return h("form", { onsubmit: submit }, fields, said, busy, h("div.buttons", {}, h("button", { type: "button", onclick: close }, "Cancel"), main));
  }, kind);
}
