// Moments in a sound or video, as the API writes them: hh:mm:ss.SSS.

/** @param {number} moment In seconds */
export function written(moment) {
  const ms = Math.round(Math.max(0, moment) * 1000);
  const two = (/** @type {number} */ number) => String(Math.floor(number)).padStart(2, "0");
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}

/** @param {any} text @returns {number} Seconds; NaN where it is not a moment */
export function seconds(text) {
  const found = /^(\d{2,}):([0-5]\d):([0-5]\d(?:\.\d{1,3})?)$/.exec(text ?? "");
  return found ? Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3]) : Number.NaN;
}

/**
 * Return the peaks of a sound, one pair of least and most for each column.
 * @param {Float32Array} samples
 * @param {number} columns
 * @returns {Array<[number, number]>}
 */
export function peaks(samples, columns) {
  const width = Math.max(1, samples.length / columns);
  return Array.from({ length: columns }, (_, column) => {
    let [least, most] = [0, 0];
    const end = Math.min(samples.length, Math.floor((column + 1) * width));
    for (let place = Math.floor(column * width); place < end; place += 1) {
      if (samples[place] < least) least = samples[place];
      else if (samples[place] > most) most = samples[place];
    }
    return [least, most];
  });
}
