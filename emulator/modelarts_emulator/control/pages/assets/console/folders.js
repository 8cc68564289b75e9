// Choosing a folder of a bucket, or making one.

import { buckets, folders, makeFolder } from "./api.js";
import { attempt, dialog, h, show } from "./dom.js";

/** Opens a picker; `chosen` gets `/bucket/folder/`. */
export function pickFolder(chosen) {
  dialog("Choose a folder", (close) => {
    const list = h("ul.folders", {});
    const path = h("p.path", { "aria-live": "polite" });
    const name = h("input", { "aria-label": "Name of a new folder", placeholder: "new folder" });
    let bucket = "";
    let prefix = "";
    const here = () => (bucket ? `/${bucket}/${prefix}` : "");
    const take = h("button.main", { type: "button", onclick: () => { close(); chosen(here()); } }, "Choose this folder");
    const entry = (text, go) => h("li", {}, h("button.quiet", { type: "button", onclick: go }, text));
    async function look() {
      path.textContent = here() || "Buckets";
      take.disabled = !prefix;
      name.disabled = !bucket;
      const found = (await attempt(() => (bucket ? folders(bucket, prefix) : buckets()))) ?? [];
      show(list,
        bucket ? entry("↑ up", () => {
          if (!prefix) bucket = "";
          prefix = prefix.replace(/[^/]*\/$/, "");
          look();
        }) : null,
        found.map((each) => entry(bucket ? each.slice(prefix.length) : `${each}/`, () => {
          if (bucket) prefix = each;
          else bucket = each;
          look();
        })),
        found.length ? null : h("li.faint", {}, "no folders"));
    }
    const make = async (event) => {
      event.preventDefault();
      if (!bucket || !name.value) return;
      const key = `${prefix}${name.value.replace(/\/+$/, "")}/`;
      await attempt(() => makeFolder(bucket, key));
      prefix = key;
      name.value = "";
      look();
    };
    look();
    return [path, list, h("form.row", { onsubmit: make }, name, h("button", {}, "Make")), h("div.buttons", {}, take)];
  });
}
