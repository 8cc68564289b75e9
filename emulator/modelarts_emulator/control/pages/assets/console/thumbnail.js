// Thumbnails that cost what is in sight: of an <img> a browser keeps the decoded pixels long after it has gone.

import { h } from "./dom.js";

const loading = new WeakMap(); // what stops it, by canvas

/** A picture that is there as soon as it is loaded; where it cannot be had, words in its place. */
export function thumbnail(source, alt) {
  // What lies at another origin may be shown, not read.
  if (new URL(source, location.href).origin !== location.origin) {
    return h("img", { src: source, alt, loading: "lazy", decoding: "async" });
  }
  const canvas = h("canvas", { role: "img", "aria-label": alt });
  const stop = new AbortController();
  loading.set(canvas, stop);
  draw(canvas, source, stop.signal).catch(() => {
    if (!stop.signal.aborted) canvas.replaceWith(h("span.faint", {}, "no preview"));
  });
  return canvas;
}

async function draw(canvas, source, signal) {
  const answer = await fetch(source, { signal, headers: { "X-Emulator-Console": "1" } });
  if (!answer.ok) throw new Error(answer.statusText);
  const bitmap = await createImageBitmap(await answer.blob());
  if (signal.aborted) return bitmap.close();
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return bitmap.close();
}

/** Takes an element away, with the thumbnails in it. */
export function takeAway(element) {
  for (const canvas of element.querySelectorAll("canvas")) {
    loading.get(canvas)?.abort();
    canvas.width = canvas.height = 0;
  }
  element.remove();
}
