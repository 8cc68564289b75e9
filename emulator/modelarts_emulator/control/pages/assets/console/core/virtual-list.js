// A list of rows of one height, of which only those in sight are there.

import { h, show } from "./dom.js";

/**
 * @template T
 * @param {{rowHeight: number, label: string, render: (item: T, place: number) => HTMLElement, class?: string}} options
 */
export function virtualList({ rowHeight, label, render, class: kind = "" }) {
  const space = h("div.virtual-space", { role: "none" });
  const element = h("div", { class: `virtual ${kind}`, role: "listbox", "aria-multiselectable": "true", "aria-label": label, tabindex: "-1" }, space);
  /** @type {T[]} */
  let items = [];
  let frame = 0;

  function draw() {
    const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - 3);
    const last = Math.min(items.length, Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + 3);
    show(space, items.slice(first, last).map((item, number) => {
      const row = render(item, first + number);
      row.style.setProperty("top", `${(first + number) * rowHeight}px`);
      row.setAttribute("aria-setsize", String(items.length));
      row.setAttribute("aria-posinset", String(first + number + 1));
      return row;
    }));
  }

  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  element.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(element);

  return {
    element,
    draw,
    /** @param {T[]} all */
    set(all) {
      items = all;
      space.style.height = `${all.length * rowHeight}px`;
      draw();
    },
    /** @param {number} place */
    reveal(place) {
      const top = place * rowHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight - element.clientHeight;
      draw();
    },
  };
}
