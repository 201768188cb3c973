// The way of a picture: its own lightness stays, chroma joins it row by row.

import { codesOf, lightnessOf, toSrgb } from "./color.js";
import { resizedHints } from "./hints.js";
import { resizedLightness } from "./resize.js";
import { Upsampling } from "./upsample.js";

/** The longer side that a network sees is at most this many times the working size. */
const LONGEST = 4;

const STRIP_PIXELS = 1 << 16;

/**
 * @typedef {[number, number]} Size Height and width.
 *
 * What was predicted of a picture.
 * @typedef {object} Prediction
 * @property {Size} size Height and width of the working size.
 * @property {Float32Array} chroma (2, h, w), a and b in Lab units.
 * @property {Float32Array} lightness (h, w), L in 0..100.
 * @property {import("./hints.js").PlacedHints | null} hints Pixels that have a chroma of their own.
 */

/** A picture as the network sees it: upright, its own size, its lightness. */
export class Picture {
  /**
   * @param {Size} size
   * @param {import("./color.js").Lightness} lightness
   * @param {Uint8Array | null} alpha Opacity of each pixel; null where all are opaque.
   */
  constructor(size, lightness, alpha) {
    this.size = size;
    this.lightness = lightness;
    this.alpha = alpha;
  }

  /**
   * @param {Size} size
   * @param {() => Iterable<Uint8Array | Uint8ClampedArray>} strips Gives RGBA of some rows after
   *   another, again with each call.
   */
  static of([height, width], strips) {
    const alpha = new Uint8Array(height * width);
    let pixel = 0;
    for (const rgba of strips()) {
      for (let at = 3; at < rgba.length; at += 4) alpha[pixel++] = rgba[at];
    }
    const opaque = alpha.every((value) => value === 255);
    return new Picture([height, width], lightnessOf(strips, height * width), opaque ? null : alpha);
  }

  /**
   * Return L at another size, as it was resized in training.
   *
   * @param {Size} size
   * @returns {Float32Array}
   */
  resized(size) {
    return resizedLightness(this.lightness, this.size, size);
  }

  /**
   * Join what was predicted with the picture's own lightness, strip by strip.
   *
   * @param {Prediction} prediction
   * @param {number} saturation Strength of the colours: 1 as predicted, 0 grey.
   * @returns {Generator<Uint8ClampedArray<ArrayBuffer>>} RGBA of some rows after another.
   */
  *finished(prediction, saturation) {
    const width = this.size[1];
    const { chroma, lightness: guide, size: small, hints } = prediction;
    const upsampling = new Upsampling(chroma, guide, small, this.size);
    const lightness = new Float32Array(width);
    const own = new Float32Array(2 * width);
    for (const [start, stop] of stripsOf(this.size)) {
      const rgba = new Uint8ClampedArray(4 * width * (stop - start)).fill(255);
      for (let row = start; row < stop; row++) {
        this.#row(row, lightness);
        upsampling.row(row, lightness, own);
        hints?.put(row, own);
        toSrgb(lightness, own, saturation, rgba.subarray(4 * width * (row - start)));
      }
      this.alpha?.subarray(start * width, stop * width).forEach((value, pixel) => {
        rgba[4 * pixel + 3] = value;
      });
      yield rgba;
    }
  }

  /**
   * @param {number} row
   * @param {Float32Array} lightness Where L of the row goes.
   */
  #row(row, lightness) {
    const { codes, table } = this.lightness;
    const from = row * this.size[1];
    for (let column = 0; column < lightness.length; column++) {
      lightness[column] = table[codes[from + column]];
    }
  }

  /**
   * Return the picture at another size, to look at.
   *
   * @param {Size} size
   */
  shrunk(size) {
    return new Picture(size, codesOf(this.resized(size)), null);
  }
}

/**
 * Yield the first row of each strip and the one behind its last.
 *
 * @param {Size} size
 * @returns {Generator<[number, number]>}
 */
function* stripsOf([height, width]) {
  const rows = Math.max(1, Math.floor(STRIP_PIXELS / width));
  for (let start = 0; start < height; start += rows) yield [start, Math.min(start + rows, height)];
}

/**
 * Return a prediction whose hints are those of the picture at another size.
 *
 * @param {Prediction} prediction
 * @param {Size} size
 * @returns {Prediction}
 */
export function shrunkHints(prediction, size) {
  return { ...prediction, hints: prediction.hints && resizedHints(prediction.hints, size) };
}

/**
 * Return height and width at which a network sees a picture.
 *
 * @param {Size} size Of the picture.
 * @param {number} workingSize Shorter side, unless the longer one would become too long.
 * @returns {Size}
 */
export function workingShape([height, width], workingSize) {
  const scale = Math.min(
    workingSize / Math.min(height, width),
    (LONGEST * workingSize) / Math.max(height, width),
  );
  return [Math.max(1, roundEven(height * scale)), Math.max(1, roundEven(width * scale))];
}

/** @param {number} value Halves go to the even neighbour, as in Python. */
function roundEven(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 && floor % 2 === 0 ? floor : Math.round(value);
}
