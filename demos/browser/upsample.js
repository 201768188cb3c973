// Chroma at working size to full size, along the edges of lightness: colorzoo/chroma.py.

import { cubicMix, mixAcross, mixDown } from "./resize.js";

/** Variance of L at which the slope is halved. */
const SOFTNESS = 128;

/** Chroma on its way to full size: what is worked out once, and each row from that. */
export class Upsampling {
  /**
   * @param {Float32Array} chroma (2, h, w), a and b at working size, in Lab units.
   * @param {Float32Array} guide (h, w), L at working size, 0..100.
   * @param {[number, number]} small Height and width at working size.
   * @param {[number, number]} size Full height and width.
   */
  constructor(chroma, guide, [height, width], [fullHeight, fullWidth]) {
    const count = height * width;
    const slopes = slopesOf(chroma, guide, height, width);
    // Rows of four: slope of a, slope of b, what the lines leave of a, and of b.
    const lines = new Float32Array(4 * count);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const pixel = row * width + column;
        const at = 4 * row * width + column;
        for (const plane of [0, 1]) {
          const slope = slopes[plane * count + pixel];
          lines[at + plane * width] = slope;
          lines[at + (2 + plane) * width] = chroma[plane * count + pixel] - slope * guide[pixel];
        }
      }
    }
    this.width = fullWidth;
    this.wide = mixAcross(lines, width, cubicMix(width, width, fullWidth));
    this.mix = cubicMix(height, height, fullHeight);
    this.line = new Float32Array(4 * fullWidth);
  }

  /**
   * Work out one row.
   *
   * @param {number} row
   * @param {Float32Array} lightness (W,), L of the row.
   * @param {Float32Array} chroma (2, W), where its a and b go.
   */
  row(row, lightness, chroma) {
    const { line, width } = this;
    mixDown(this.wide, 4 * width, this.mix, row, line);
    for (let column = 0; column < width; column++) {
      const bright = lightness[column];
      chroma[column] = line[column] * bright + line[2 * width + column];
      chroma[width + column] = line[width + column] * bright + line[3 * width + column];
    }
  }
}

/**
 * Slope of chroma over lightness in the window around each pixel.
 *
 * @param {Float32Array} chroma (2, h, w)
 * @param {Float32Array} guide (h, w)
 * @param {number} height
 * @param {number} width
 * @returns {Float64Array} (2, h, w)
 */
function slopesOf(chroma, guide, height, width) {
  const count = height * width;
  const bright = Float64Array.from(guide);
  const mean = boxMean(bright, height, width, 1);
  const square = boxMean(bright.map((value) => value * value), height, width, 1);
  const slopes = new Float64Array(2 * count);
  for (const plane of [0, 1]) {
    const own = Float64Array.from(chroma.subarray(plane * count, (plane + 1) * count));
    const meanOwn = boxMean(own, height, width, 1);
    const mixed = boxMean(own.map((value, pixel) => value * bright[pixel]), height, width, 1);
    const slope = mixed.map((value, pixel) => {
      const variance = Math.max(0, square[pixel] - mean[pixel] ** 2);
      return (value - mean[pixel] * meanOwn[pixel]) / (variance + SOFTNESS);
    });
    slopes.set(boxMean(slope, height, width, 1), plane * count);
  }
  return slopes;
}

/**
 * Mean over the window around each pixel, borders repeated.
 *
 * @param {Float64Array} plane
 * @param {number} height
 * @param {number} width
 * @param {number} radius In pixels; the window has 2 radius + 1 of them a side.
 */
export function boxMean(plane, height, width, radius) {
  const across = new Float64Array(plane.length);
  const means = new Float64Array(plane.length);
  for (let shift = -radius; shift <= radius; shift++) {
    for (let row = 0, at = 0; row < height; row++) {
      for (let column = 0; column < width; column++, at++) {
        across[at] += plane[row * width + within(column + shift, width)];
      }
    }
  }
  for (let shift = -radius; shift <= radius; shift++) {
    for (let row = 0, at = 0; row < height; row++) {
      const from = within(row + shift, height) * width;
      for (let column = 0; column < width; column++, at++) means[at] += across[from + column];
    }
  }
  return means.map((sum) => sum / (2 * radius + 1) ** 2);
}

/** @param {number} index @param {number} length */
function within(index, length) {
  return Math.min(length - 1, Math.max(0, index));
}
