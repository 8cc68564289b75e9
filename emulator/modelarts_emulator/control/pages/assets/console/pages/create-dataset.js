// Making a dataset, with every option of its type.

import { callLine } from "../core/call-line.js";
import { formDialog } from "../core/dialog.js";
import { check, field, h, select, show } from "../core/dom.js";
import { api, apiUrl, requireAll } from "../core/http.js";
import { note } from "../core/notes.js";
import { ENDINGS, TYPES, typeOf } from "../model/types.js";
import { folderField } from "./folders.js";

/** @typedef {import("../core/wire.js").Json} Json */

/** @param {(id: string) => void} done */
export function createDialog(done) {
  const name = h("input", { required: true, pattern: "[A-Za-z0-9_\\-]{1,100}", value: `dataset-${Math.random().toString(36).slice(2, 6)}`, autocomplete: "off" });
  const type = select({}, [...TYPES].map(([number, each]) => [number, each.name]), 0);
  let isNamed = false;
  const source = folderField("Input folder", "where the samples are");
  const work = folderField("Work folder", "where versions are written; not in the input folder");
  source.input.addEventListener("input", () => {
    // Until it is named, the work folder is one beside the input folder.
    if (!isNamed) work.input.value = source.input.value.replace(/\/+$/, "") ? `${source.input.value.replace(/\/+$/, "")}-output/` : "";
  });
  work.input.addEventListener("input", () => { isNamed = Boolean(work.input.value); });
  const description = h("input", { maxlength: 256, autocomplete: "off" });
  const labels = h("textarea", { rows: 2, placeholder: "cat, dog" });
  const annotations = check("take in the labels that stand beside the files", { checked: true });
  const data = check("import the rows of a table (import_data)", { checked: true });
  const options = typeOptions();
  const hint = h("small.faint", {});
  const call = callLine(() => ({ method: "POST", url: apiUrl(""), body: body() }));

  function body() {
    const number = Number(type.value);
    const names = labels.value.split(/[\n,]+/).map((each) => each.trim()).filter(Boolean);
    return {
      dataset_name: name.value, dataset_type: number, ...(description.value ? { description: description.value } : {}),
      data_sources: [{ data_type: 0, data_path: source.input.value, ...options.source(number) }], work_path: work.input.value, work_path_type: 0,
      ...(names.length && typeOf(number).tool ? { labels: names.map((each) => ({ name: each, type: typeOf(number).label })) } : {}),
      ...(annotations.input.checked ? {} : { import_annotations: false }), ...(typeOf(number).unit === "row" && data.input.checked ? { import_data: true } : {}), ...options.members(number),
    };
  }

  function shown() {
    const number = Number(type.value);
    options.show(number);
    labels.disabled = !typeOf(number).tool;
    const endings = ENDINGS[typeOf(number).unit];
    hint.textContent = endings.length ? `Samples are files that end in ${endings.join(", ")}.` : "Every file is a sample.";
    call.update();
  }

  const box = formDialog("New dataset", "Create", [
    h("div.form-grid", {}, field("Name", name, "letters, digits, _ and -"), field("Type", type), source.element, work.element),
    hint, field("Labels", labels, "separated by commas or lines; more can be added later"), options.element,
    h("details", {}, h("summary", {}, "More options"), field("Description", description), annotations.element, data.element), call.element,
  ], async () => {
    const made = requireAll(await api("POST", "", { body: body() }));
    note(`${name.value} is made.`);
    done(made.dataset_id);
  }, "wide");
  type.addEventListener("change", shown);
  box.addEventListener("input", call.update);
  shown();
}

/** The options that only some types have. */
function typeOptions() {
  const element = h("div.type-options", {});
  const labelType = select({ "aria-label": "Where the labels of texts are" }, [["1", "text and labels in one file"], ["0", "texts and labels in two files"]], "1");
  const sampleSeparator = h("input.short", { maxlength: 2, placeholder: "\\t" });
  const labelSeparator = h("input.short", { maxlength: 2, placeholder: "," });
  const header = check("the first line has the column names", { checked: true });
  const columns = h("textarea", { rows: 2, placeholder: "name:STRING, age:INT" });
  const isLabelled = (/** @type {number} */ number) => number === 100;

  return {
    element,
    /** @param {number} number */
    show(number) {
      show(element, isLabelled(number) ? [
        field("Labels of the texts", labelType), h("div.row", {}, field("Between text and labels", sampleSeparator), field("Between labels", labelSeparator)),
      ] : null, number === 400 ? [field("Columns", columns, "name:TYPE, separated by commas; STRING, INT, DOUBLE, …"), header.element] : null);
    },
    /** @param {number} number @returns {Json} */
    source: (number) => (number === 400 ? { with_column_header: header.input.checked } : {}),
    /** @param {number} number @returns {Json} */
    members(number) {
      if (isLabelled(number) && (sampleSeparator.value || labelSeparator.value || labelType.value !== "1")) {
        return { label_format: {
          label_type: labelType.value, ...(sampleSeparator.value ? { text_sample_separator: sampleSeparator.value } : {}),
          ...(labelSeparator.value ? { text_label_separator: labelSeparator.value } : {}),
        } };
      }
      const schema = columns.value.split(/[\n,]+/).map((each) => each.trim()).filter(Boolean).map((each, place) => {
        const [column, kind = "STRING"] = each.split(":").map((part) => part.trim());
        return { schema_id: place + 1, name: column, type: kind };
      });
      return number === 400 && schema.length ? { schema } : {};
    },
  };
}

