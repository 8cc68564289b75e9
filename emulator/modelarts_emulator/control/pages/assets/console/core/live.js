// Server-sent events, read by hand: EventSource cannot send the key of the control API.

import { controlUrl, headers } from "./http.js";

const AGAIN_MS = 3000;

/**
 * Call back for each event until it is stopped.
 * @param {(kind: string, data: any) => void} onEvent
 * @param {(isLive: boolean) => void} onState
 * @returns {() => void} Stops it
 */
export function events(onEvent, onState) {
  const stopping = new AbortController();
  let last = 0;
  (async () => {
    while (!stopping.signal.aborted) {
      try {
        const url = controlUrl("events", { after: last || undefined });
        const answer = await fetch(url, { headers: headers(true), signal: stopping.signal });
        if (!answer.ok || !answer.body) throw new Error(String(answer.status));
        onState(true);
        for await (const event of parsed(answer.body)) {
          if (event.id) last = event.id;
          if (event.kind) onEvent(event.kind, event.data);
        }
      } catch { /* the server is gone, or does not let us in: tried again below */ }
      onState(false);
      if (!stopping.signal.aborted) await new Promise((resume) => { setTimeout(resume, AGAIN_MS); });
    }
  })();
  return () => stopping.abort();
}

/** @param {ReadableStream<Uint8Array>} body */
async function* parsed(body) {
  let text = "";
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const of = (/** @type {string} */ name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const kind = of("event");
      yield { id: Number(of("id") ?? 0), kind, data: kind ? JSON.parse(of("data") ?? "null") : null };
    }
  }
}
