// The way of a picture: its own lightness stays, chroma joins it row by row.

import { lightnessOf, toSrgb } from "./color.js";
import { resizedHints } from "./hints.js";
import { resizedLightness } from "./resize.js";
import { Upsampling } from "./upsample.js";

/** The longer side that a network sees is at most this many times the working size. */
const LONGEST = 4;

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
   * @param {Uint8Array | Uint8ClampedArray} rgba
   * @param {Size} size
   */
  static fromRgba(rgba, size) {
    const alpha = new Uint8Array(rgba.length / 4);
    for (let pixel = 0; pixel < alpha.length; pixel++) alpha[pixel] = rgba[4 * pixel + 3];
    const opaque = alpha.every((value) => value === 255);
    return new Picture(size, lightnessOf(rgba), opaque ? null : alpha);
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
   * Join what was predicted with the picture's own lightness.
   *
   * @param {Prediction} prediction
   * @param {number} saturation Strength of the colours: 1 as predicted, 0 grey.
   * @param {number} start First row.
   * @param {number} stop The row behind the last.
   * @param {Upsampling} upsampling Of the prediction to this size.
   * @returns {Uint8ClampedArray<ArrayBuffer>} RGBA of the rows.
   */
  finished(prediction, saturation, start, stop, upsampling) {
    const { codes, table } = this.lightness;
    const width = this.size[1];
    const rgba = new Uint8ClampedArray(4 * width * (stop - start)).fill(255);
    const lightness = new Float32Array(width);
    const chroma = new Float32Array(2 * width);
    for (let row = start; row < stop; row++) {
      for (let column = 0; column < width; column++) {
        lightness[column] = table[codes[row * width + column]];
      }
      upsampling.row(row, lightness, chroma);
      prediction.hints?.put(row, chroma);
      toSrgb(lightness, chroma, saturation, rgba.subarray(4 * width * (row - start)));
    }
    const { alpha } = this;
    if (alpha) {
      for (let pixel = start * width; pixel < stop * width; pixel++) {
        rgba[4 * (pixel - start * width) + 3] = alpha[pixel];
      }
    }
    return rgba;
  }

  /**
   * Return the picture at another size, to look at.
   *
   * @param {Size} size
   */
  shrunk(size) {
    const codes = new Uint16Array(size[0] * size[1]);
    this.resized(size).forEach((value, pixel) => (codes[pixel] = Math.round(655.35 * value)));
    const table = Float32Array.from({ length: 65536 }, (_, code) => code / 655.35);
    return new Picture(size, { codes, table }, null);
  }
}

/**
 * @param {Prediction} prediction
 * @param {Size} size Of the picture that it is to be joined with.
 */
export function upsamplingOf(prediction, size) {
  return new Upsampling(prediction.chroma, prediction.lightness, prediction.size, size);
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
