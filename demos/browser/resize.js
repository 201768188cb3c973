// Lightness to another size, as Picture.resized_lightness does: boxes, then a bicubic filter.

/** Boxes bring a picture to this many times the wanted size. */
const GAP = 3;

/**
 * Which samples make up each of a row's new ones, and their shares.
 *
 * @typedef {object} Mix
 * @property {number} taps Shares of each new sample.
 * @property {Int32Array} first The first sample of each.
 * @property {Float64Array} shares `taps` of each, some of them 0.
 */

/**
 * Keys' cubic (1981, a = -0.5), widened when shrinking and cut off at the border.
 *
 * @param {number} length Of the samples there are.
 * @param {number} end Where among them the new ones end, from 0.
 * @param {number} count Of the new ones.
 * @returns {Mix}
 */
export function cubicMix(length, end, count) {
  const scale = end / count;
  const reach = Math.max(scale, 1);
  const taps = Math.min(length, Math.ceil(4 * reach) + 1);
  const first = new Int32Array(count);
  const shares = new Float64Array(count * taps);
  for (let place = 0; place < count; place++) {
    const center = (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - 2 * reach + 0.5));
    const stop = Math.min(length, Math.trunc(center + 2 * reach + 0.5));
    first[place] = Math.min(start, length - taps);
    let sum = 0;
    for (let source = start; source < stop; source++) {
      sum += cubic((source + 0.5 - center) / reach);
    }
    for (let source = start; source < stop; source++) {
      const share = cubic((source + 0.5 - center) / reach) / sum;
      shares[place * taps + source - first[place]] = share;
    }
  }
  return { taps, first, shares };
}

/**
 * Mix the samples of each row of planes that lie one under another.
 *
 * @param {Float32Array} planes (rows, length)
 * @param {number} length
 * @param {Mix} mix
 * @returns {Float32Array} (rows, new length)
 */
export function mixAcross(planes, length, { taps, first, shares }) {
  const width = first.length;
  const rows = planes.length / length;
  const mixed = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const from = row * length + first[column];
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += shares[column * taps + tap] * planes[from + tap];
      mixed[row * width + column] = sum;
    }
  }
  return mixed;
}

/**
 * Mix rows into one new row.
 *
 * @param {Float32Array} rows (length, width)
 * @param {number} width
 * @param {Mix} mix
 * @param {number} place Which of the new rows.
 * @param {Float32Array} mixed (width,), where it goes.
 */
export function mixDown(rows, width, { taps, first, shares }, place, mixed) {
  mixed.fill(0);
  // Four taps in one walk: the walks are what the time goes into.
  for (let tap = 0; tap < taps; tap += 4) {
    const at = place * taps + tap;
    const [one, two, three, four] = [0, 1, 2, 3].map((more) =>
      tap + more < taps ? shares[at + more] : 0,
    );
    if (one === 0 && two === 0 && three === 0 && four === 0) continue;
    const from = (first[place] + tap) * width;
    const [to, farther, farthest] = [1, 2, 3].map((more) =>
      tap + more < taps ? from + more * width : from,
    );
    for (let column = 0; column < width; column++) {
      mixed[column] +=
        one * rows[from + column] +
        two * rows[to + column] +
        three * rows[farther + column] +
        four * rows[farthest + column];
    }
  }
}

/**
 * @param {import("./color.js").Lightness} lightness
 * @param {[number, number]} size Height and width that there are.
 * @param {[number, number]} wanted Height and width.
 * @returns {Float32Array} L in 0..100.
 */
export function resizedLightness(lightness, [height, width], [newHeight, newWidth]) {
  const across = Math.max(1, Math.trunc(width / newWidth / GAP));
  const down = Math.max(1, Math.trunc(height / newHeight / GAP));
  const reduced = boxMeans(lightness, [height, width], [down, across]);
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const wide = mixAcross(reduced, columns, cubicMix(columns, width / across, newWidth));
  const mix = cubicMix(rows, height / down, newHeight);
  const resized = new Float32Array(newHeight * newWidth);
  for (let row = 0; row < newHeight; row++) {
    const line = resized.subarray(row * newWidth, (row + 1) * newWidth);
    mixDown(wide, newWidth, mix, row, line);
  }
  return resized.map((value) => Math.min(100, Math.max(0, value)));
}

/**
 * Mean L of each box of pixels; those at the lower and right border may be smaller.
 *
 * @param {import("./color.js").Lightness} lightness
 * @param {[number, number]} size
 * @param {[number, number]} box Height and width of a box.
 */
function boxMeans({ codes, table }, [height, width], [down, across]) {
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const sums = new Float64Array(columns);
  const means = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    const bottom = Math.min(height, (row + 1) * down);
    for (let line = row * down; line < bottom; line++) {
      for (let column = 0, at = line * width; column < columns; column++) {
        const right = Math.min(width, (column + 1) * across) + line * width;
        for (; at < right; at++) sums[column] += table[codes[at]];
      }
    }
    for (let column = 0; column < columns; column++) {
      const inside = Math.min(across, width - column * across) * (bottom - row * down);
      means[row * columns + column] = sums[column] / inside;
    }
  }
  return means;
}

/** @param {number} distance */
function cubic(distance) {
  const far = Math.abs(distance);
  if (far < 1) return (1.5 * far - 2.5) * far * far + 1;
  return far < 2 ? ((-0.5 * far + 2.5) * far - 4) * far + 2 : 0;
}
