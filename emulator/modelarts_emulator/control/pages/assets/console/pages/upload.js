// Files on their way into a dataset.

import { dialog } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { api } from "../core/http.js";
import { note } from "../core/notes.js";
import { ENDINGS, typeOf } from "../model/types.js";

const MOST_FILES = 20; // in one call
const MOST_BYTES = 16_000_000;

/** @param {File} file @returns {Promise<string>} */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).slice(String(reader.result).indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** @param {File[]} files @returns {File[][]} */
function batches(files) {
  /** @type {File[][]} */
  const found = [];
  let bytes = 0;
  for (const file of files) {
    if (!found.length || found[found.length - 1].length >= MOST_FILES || bytes + file.size > MOST_BYTES) {
      found.push([]);
      bytes = 0;
    }
    found[found.length - 1].push(file);
    bytes += file.size;
  }
  return found;
}

/**
 * Upload files; what is refused is listed, each with its own reason.
 * @param {string} id The dataset
 * @param {File[]} files
 * @param {HTMLProgressElement} progress
 */
export async function upload(id, files, progress) {
  /** @type {Array<[string, string]>} */
  const refused = [];
  let done = 0;
  progress.hidden = false;
  progress.max = Math.max(1, files.length);
  progress.value = 0;
  for (const batch of batches(files)) {
    try {
      const samples = await Promise.all(batch.map(async (file) => ({ name: file.name, data: await base64(file) })));
      const answer = await api("POST", `/${id}/data-annotations/samples`, { body: { samples } });
      batch.forEach((file, number) => {
        const result = answer.results?.[number];
        if (result && !result.success) refused.push([file.name, result.error_msg ?? "refused"]);
      });
    } catch (error) {
      for (const file of batch) refused.push([file.name, /** @type {Error} */ (error).message]);
    }
    done += batch.length;
    progress.value = done;
  }
  progress.hidden = true;
  if (files.length > refused.length) note(`${files.length - refused.length} uploaded.`);
  if (refused.length) report(refused, files.length);
}

/** @param {Array<[string, string]>} refused @param {number} total */
function report(refused, total) {
  dialog(`${refused.length} of ${total} files refused`, () => h("ul.list.refused", { tabindex: "0" },
    refused.map(([name, reason]) => h("li", {}, h("strong", {}, name), h("p.bad", {}, reason)))));
}

/** @param {number} type */
export const acceptedOf = (type) => ENDINGS[typeOf(type).unit].join(",");
