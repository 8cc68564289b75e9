// Thumbnails that cost what is in sight: of an <img> a browser keeps the decoded pixels long after it has gone.

import { h } from "./dom.js";
import { mark } from "./http.js";

/** @type {WeakMap<HTMLCanvasElement, AbortController>} */
const loading = new WeakMap();

/**
 * Make a picture that appears as soon as it is loaded; where it cannot be had, words in its place. It has the pixels as
 * they are stored: shapes are in these, so a camera's orientation is left out of account.
 * @param {string} source
 * @returns {HTMLElement}
 */
export function thumbnail(source) {
  // A picture of another origin may be shown, not read.
  if (new URL(source, location.href).origin !== location.origin) {
    return h("img.stored", { src: source, alt: "", loading: "lazy", decoding: "async" });
  }
  const canvas = h("canvas", { "aria-hidden": "true" });
  const stop = new AbortController();
  loading.set(canvas, stop);
  draw(canvas, source, stop.signal).catch(() => {
    if (!stop.signal.aborted) canvas.replaceWith(h("span.faint", {}, "no preview"));
  });
  return canvas;
}

/** @param {HTMLCanvasElement} canvas @param {string} source @param {AbortSignal} signal */
async function draw(canvas, source, signal) {
  const answer = await fetch(source, { signal, headers: mark() });
  if (!answer.ok) throw new Error(answer.statusText);
  const bitmap = await createImageBitmap(await answer.blob(), { imageOrientation: "none" });
  if (!signal.aborted) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  }
  bitmap.close();
}

/** Remove an element with the thumbnails in it. @param {Element} element */
export function takeAway(element) {
  for (const canvas of element.querySelectorAll("canvas")) {
    loading.get(canvas)?.abort();
    canvas.width = 0;
    canvas.height = 0;
  }
  element.remove();
}
