// Choosing a folder of a bucket, or making one.

import { dialog } from "../core/dialog.js";
import { button, field, h, show } from "../core/dom.js";
import { attempt } from "../core/notes.js";
import { buckets, list, makeBucket, makeFolder } from "../core/storage.js";

/** Open a picker. @param {(path: string) => void} chosen Gets `/bucket/folder/` */
export function pickFolder(chosen) {
  dialog("Choose a folder", (close) => {
    const entries = h("ul.folders", {});
    const path = h("p.path", { "aria-live": "polite" });
    const name = h("input", { "aria-label": "Name of a new folder", placeholder: "new folder" });
    let bucket = "";
    let prefix = "";
    const here = () => (bucket ? `/${bucket}/${prefix}` : "");
    const take = button("Choose this folder", () => { close(); chosen(here()); }, { class: "main" });
    const entry = (/** @type {string} */ text, /** @type {() => void} */ enter) => h("li", {}, button(text, enter, { class: "quiet" }));

    /** @param {string} where @param {string} folder */
    async function go(where, folder) {
      bucket = where;
      prefix = folder;
      path.textContent = here() || "Buckets";
      take.disabled = !prefix;
      name.placeholder = bucket ? "new folder" : "new bucket";
      const found = (await attempt(async () => (bucket ? (await list(bucket, prefix)).folders : buckets()))) ?? [];
      show(entries,
        bucket ? entry("↑ up", () => go(prefix ? bucket : "", prefix.replace(/[^/]*\/$/, ""))) : null,
        found.map((each) => entry(bucket ? each.slice(prefix.length) : `${each}/`, () => (bucket ? go(bucket, each) : go(each, "")))),
        found.length ? null : h("li.faint", {}, bucket ? "no folders" : "no buckets: name one below"));
    }
    /** @param {Event} event */
    const make = async (event) => {
      event.preventDefault();
      const wanted = name.value.replace(/\/+$/, "");
      if (!wanted) return;
      name.value = "";
      if (bucket) {
        const key = `${prefix}${wanted}/`;
        if (await attempt(async () => { await makeFolder(bucket, key); return true; })) go(bucket, key);
      } else if (await attempt(async () => { await makeBucket(wanted); return true; })) go(wanted, "");
    };
    go("", "");
    return [path, entries, h("form.row", { onsubmit: make }, name, h("button", {}, "Make")), h("div.buttons", {}, take)];
  });
}

/**
 * Make a field for a path, with a button that opens the picker.
 * @param {string} label
 * @param {string} hint
 * @param {Object<string, any>} [attributes]
 */
export function folderField(label, hint, attributes = {}) {
  const input = h("input", { required: true, placeholder: "/bucket/folder/", autocomplete: "off", ...attributes });
  const pick = button("…", () => pickFolder((path) => {
    input.value = path;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }), { "aria-label": `Choose the ${label.toLowerCase()}` });
  return { input, element: field(label, h("span.row", {}, input, pick), hint) };
}
