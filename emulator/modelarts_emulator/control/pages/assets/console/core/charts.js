// Charts of bars and of a line; each is also a table for those who cannot see it.

import { count, h, s } from "./dom.js";

/**
 * Make a chart of bars.
 * @param {string} title
 * @param {Array<[string, number, string?]>} rows Name, number and colour
 */
export function bars(title, rows) {
  const most = Math.max(1, ...rows.map(([, number]) => number));
  return h("figure.chart", {}, h("figcaption", {}, title),
    h("table.bars", {}, h("tbody", {}, rows.map(([name, number, colour]) => h("tr", {},
      h("th", { scope: "row" }, name),
      h("td", {}, h("span.bar-of", { style: { width: `${(100 * number) / most}%`, "--colour": colour ?? "var(--accent)" } })),
      h("td.number", {}, count(number)))))));
}

/**
 * Make a chart of lines over time.
 * @param {string} title
 * @param {Array<[string, Object<string, number>, string]>} series Name, numbers by time in ms, and colour
 */
export function lines(title, series) {
  const moments = [...new Set(series.flatMap(([, values]) => Object.keys(values).map(Number)))].sort((one, other) => one - other);
  const most = Math.max(1, ...series.flatMap(([, values]) => Object.values(values)));
  const [width, height] = [640, 180];
  const x = (/** @type {number} */ moment) => (moments.length > 1 ? ((moment - moments[0]) / ((moments.at(-1) ?? 0) - moments[0])) * width : width / 2);
  const y = (/** @type {number} */ value) => height - (value / most) * (height - 10);
  return h("figure.chart", {}, h("figcaption", {}, title),
    s("svg", { class: "lines", viewBox: `-4 -4 ${width + 8} ${height + 8}`, role: "img", "aria-label": `${title}, up to ${most}` },
      s("line", { x1: 0, y1: height, x2: width, y2: height, class: "axis" }),
      series.map(([, values, colour]) => {
        const line = s("polyline", { points: moments.filter((each) => values[each] !== undefined).map((each) => `${x(each)},${y(values[each])}`).join(" ") });
        line.style.setProperty("--colour", colour);
        return line;
      }),
      series.flatMap(([name, values, colour]) => moments.filter((each) => values[each] !== undefined).map((each) => {
        const dot = s("circle", { cx: x(each), cy: y(values[each]), r: 3 }, s("title", {}, `${new Date(each).toLocaleDateString()}: ${name} ${values[each]}`));
        dot.style.setProperty("--colour", colour);
        return dot;
      }))),
    h("ul.chips", {}, series.map(([name, , colour]) => h("li.chip", { style: { "--colour": colour } }, name))));
}
