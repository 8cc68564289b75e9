// Publishing a version.

import { formDialog } from "../core/dialog.js";
import { check, field, h, select } from "../core/dom.js";
import { api, apiUrl } from "../core/http.js";
import { note } from "../core/notes.js";
import { callLine } from "../core/call-line.js";

/** @param {import("./dataset.js").OpenDataset} context */
export function publishDialog(context) {
  const { id, dataset } = context;
  const number = dataset.next_version_num ?? 1;
  const name = h("input", { value: `V${String(number).padStart(3, "0")}`, pattern: "[A-Za-z0-9_\\-]{1,32}", autocomplete: "off" });
  const description = h("input", { maxlength: 256 });
  const ratio = h("input", { type: "number", min: 0, max: 1, step: 0.01, value: "1.00" });
  const format = select({}, [["Default", "Default"], ["CarbonData", "CarbonData"], ["CSV", "CSV"]], "Default");
  const images = check("export the pictures, one folder each label", {});
  const clearHard = check("clear the hard-example flags", { checked: true });
  const removeUsage = check("forget which samples are for training", { checked: true });
  const header = check("first line of a CSV has the column names", { checked: true });
  const call = callLine(() => ({ method: "POST", url: apiUrl(`/${id}/versions`), body: body() }));

  function body() {
    return {
      ...(name.value ? { version_name: name.value } : {}), ...(description.value ? { description: description.value } : {}),
      train_evaluate_sample_ratio: Number(ratio.value || 1).toFixed(2), ...(format.value === "Default" ? {} : { version_format: format.value }),
      ...(images.input.checked ? { export_images: true } : {}), ...(clearHard.input.checked ? {} : { clear_hard_property: false }),
      ...(removeUsage.input.checked ? {} : { remove_sample_usage: false }), ...(header.input.checked ? {} : { with_column_header: false }),
    };
  }

  const box = formDialog("Publish a version", "Publish", [
    field("Name", name, "letters, digits, _ and -; empty: the next free one"), field("Description", description),
    field("Share for training", ratio, "0 to 1; the rest is for evaluation"), field("Format", format),
    images.element, clearHard.element, removeUsage.element, header.element, call.element,
  ], async () => {
    await api("POST", `/${id}/versions`, { body: body() });
    note("The version is being published.");
    location.hash = `#/datasets/${id}/versions`;
  });
  box.addEventListener("input", call.update);
  box.querySelector("form")?.querySelector("button.main")?.setAttribute("autofocus", "");
  /** @type {HTMLElement | null} */ (box.querySelector("button.main"))?.focus();
}
