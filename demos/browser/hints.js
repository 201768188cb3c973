// Colours given for places of a picture, and a prediction mended by them: colorzoo/hints.py and
// colorzoo/methods/mending.py.

import { chromaOf } from "./color.js";
import { distances, labelPlaces } from "./distances.js";
import { boxMean, Upsampling } from "./upsample.js";

const PIXELS = 2 ** 14;
const POWER = 3;
const REACH = 80; // in units of L: the distance at which a hint counts half
const SIDE = 40; // in units of L: the length of the shorter side where there is no edge
const ENDS = 0.5; // how much of the difference of its ends, in Lab units, a path is longer by
const ALONE = 0.2; // the part, at most, of what the hints give by themselves
const MISSED = 25; // in squared Lab units: a miss of the prediction that makes it half of that
const CLOSEST = 1e-3;
const PRIOR = 100; // in squared Lab units: how sure it is beforehand that the prediction counts
const NEAR = 0.8; // in shorter sides: a distance of 1 between two places
const BRIGHT = 25; // in units of L: the same for their lightness
const AROUND = 35; // in units of L: the same for its mean nearby
const NEARBY = 0.06; // in shorter sides: how far that is
const ALIKE = 12; // in Lab units: the same for the predicted colours
const LUCK = 0.4; // the variance of a single place, to that which it shares with its like
const FEW = 4; // hints that make the first step, and what hints give alone, count half

/**
 * @typedef {import("./picture.js").Size} Size
 *
 * One colour for a disc of pixels.
 * @typedef {object} Hint
 * @property {number} row Of its middle, in the picture's own pixels.
 * @property {number} column
 * @property {string} color As "#b5651d"; only its a and b count.
 * @property {number} radius In pixels; 0 is one pixel alone.
 */

/** The pixels of one picture that have a colour given. */
export class PlacedHints {
  /**
   * @param {Size} size Of the picture.
   * @param {Map<number, [number, number]>} chroma a and b at row * width + column.
   */
  constructor(size, chroma) {
    this.size = size;
    this.chroma = chroma;
    this.places = Int32Array.from(chroma.keys()).sort();
  }

  /**
   * Put the hints of one row into its chroma.
   *
   * @param {number} row
   * @param {Float32Array} chroma (2, W)
   */
  put(row, chroma) {
    const width = this.size[1];
    const { places } = this;
    for (let next = firstFrom(places, row * width); places[next] < (row + 1) * width; next++) {
      const [a, b] = /** @type {[number, number]} */ (this.chroma.get(places[next]));
      chroma[places[next] - row * width] = a;
      chroma[width + places[next] - row * width] = b;
    }
  }
}

/**
 * Return the pixels of a picture that hints give a colour; the later of two counts.
 *
 * @param {Hint[]} hints Each within the picture.
 * @param {Size} size
 */
export function placeHints(hints, [height, width]) {
  /** @type {Map<number, [number, number]>} */
  const chroma = new Map();
  for (const { row, column, color, radius } of hints) {
    const given = chromaOf(...channelsOf(color));
    for (let down = -radius; down <= radius; down++) {
      for (let right = -radius; right <= radius; right++) {
        const [y, x] = [row + down, column + right];
        const inside = y >= 0 && y < height && x >= 0 && x < width;
        if (inside && down ** 2 + right ** 2 <= radius ** 2) chroma.set(y * width + x, given);
      }
    }
  }
  return new PlacedHints([height, width], chroma);
}

/**
 * Bring hints to another size; where pixels are joined, the mean of the hinted ones counts.
 *
 * @param {PlacedHints} hints
 * @param {Size} size
 */
export function resizedHints(hints, [newHeight, newWidth]) {
  const [height, width] = hints.size;
  /** @type {Map<number, [number, number]>} */
  const chroma = new Map();
  if (newHeight > height || newWidth > width) {
    for (let row = 0; row < newHeight; row++) {
      for (let column = 0; column < newWidth; column++) {
        const from = Math.floor((row * height) / newHeight) * width;
        const given = hints.chroma.get(from + Math.floor((column * width) / newWidth));
        if (given) chroma.set(row * newWidth + column, given);
      }
    }
    return new PlacedHints([newHeight, newWidth], chroma);
  }
  /** @type {Map<number, [number, number, number]>} */
  const sums = new Map();
  for (const [place, [a, b]] of hints.chroma) {
    const row = Math.floor((Math.floor(place / width) * newHeight) / height);
    const column = Math.floor(((place % width) * newWidth) / width);
    const sum = sums.get(row * newWidth + column) ?? [0, 0, 0];
    sums.set(row * newWidth + column, [sum[0] + a, sum[1] + b, sum[2] + 1]);
  }
  for (const [place, [a, b, count]] of sums) chroma.set(place, [a / count, b / count]);
  return new PlacedHints([newHeight, newWidth], chroma);
}

/**
 * Mend a prediction: first where it is like the hinted places, then along paths without edges.
 *
 * @param {Float32Array} lightness (h, w), L in 0..100.
 * @param {Float32Array} predicted (2, h, w), a and b without hints.
 * @param {PlacedHints} hints At this size.
 * @returns {Float32Array} (2, h, w)
 */
export function mended(lightness, predicted, hints) {
  const [height, width] = hints.size;
  const count = height * width;
  const scale = Math.min(1, Math.sqrt(PIXELS / count));
  let change;
  if (scale < 1) {
    /** @type {Size} */
    const size = [
      Math.max(1, Math.trunc(height * scale)),
      Math.max(1, Math.trunc(width * scale)),
    ];
    const seen = areaMeans(lightness, hints.size, size);
    const own = areaMeans(predicted, hints.size, size);
    change = upsampled(changeOf(seen, own, resizedHints(hints, size)), seen, size, lightness, [
      height,
      width,
    ]);
  } else {
    change = changeOf(lightness, predicted, hints);
  }
  const result = predicted.map((value, at) => value + change[at]);
  for (const [place, [a, b]] of hints.chroma) {
    result[place] = a;
    result[count + place] = b;
  }
  return result;
}

/**
 * Return what is to be added to the prediction.
 *
 * @param {Float32Array} lightness
 * @param {Float32Array} predicted
 * @param {PlacedHints} hints
 * @returns {Float32Array} (2, h, w)
 */
function changeOf(lightness, predicted, hints) {
  const [height, width] = hints.size;
  const count = height * width;
  const labels = labelPlaces(hints);
  const places = 1 + labels.reduce((most, label) => Math.max(most, label), -1);
  const counts = new Float64Array(places);
  for (const pixel of hints.places) counts[labels[pixel]]++;
  /** @param {(pixel: number) => number} plane @returns {Float64Array} Its mean over each place. */
  const atPlaces = (plane) => {
    const sums = new Float64Array(places);
    for (const pixel of hints.places) sums[labels[pixel]] += plane(pixel);
    return sums.map((sum, label) => sum / counts[label]);
  };
  const given = [0, 1].map((plane) => atPlaces((pixel) => hints.chroma.get(pixel)?.[plane] ?? 0));
  const change = foretold(traitsOf(lightness, predicted, hints.size), predicted, given, atPlaces);
  const many = places / (places + FEW);
  let missed = 0;
  for (const plane of [0, 1]) {
    const own = atPlaces((pixel) => predicted[plane * count + pixel]);
    for (let label = 0; label < places; label++) {
      missed += (given[plane][label] - own[label]) ** 2 / places;
    }
  }
  const part = (ALONE * many * missed) / (missed + MISSED);
  change.forEach((value, at) => (change[at] = many * value));
  const left = given.map((told, plane) => {
    const from = plane * count;
    const now = atPlaces((pixel) => predicted[from + pixel] + change[from + pixel]);
    return told.map((value, label) => value - now[label]);
  });
  const seen = [0, 1, 2].map((plane) => {
    return plane ? predicted.subarray((plane - 1) * count, plane * count) : lightness;
  });
  const ends = seen.map((values) => atPlaces((pixel) => values[pixel]));
  const step = SIDE / Math.min(height, width);
  const weights = distances(lightness, hints.size, labels, places, step).map((reach, label) =>
    reach.map((far, pixel) => {
      const apart = Math.hypot(...seen.map((values, plane) => values[pixel] - ends[plane][label]));
      return (Math.max(far + ENDS * apart, CLOSEST) / REACH) ** -POWER;
    }),
  );
  for (let pixel = 0; pixel < count; pixel++) {
    let total = 0;
    const mending = [0, 0];
    const alone = [0, 0];
    for (let label = 0; label < places; label++) {
      const weight = weights[label][pixel];
      total += weight;
      for (const plane of [0, 1]) {
        mending[plane] += weight * left[plane][label];
        alone[plane] += weight * given[plane][label];
      }
    }
    for (const plane of [0, 1]) {
      const at = plane * count + pixel;
      change[at] += mending[plane] / (total + 1); // 1: what no hint reaches stays
      const own = (alone[plane] - total * (predicted[at] + change[at])) / (total + 1);
      change[at] += part * own;
    }
  }
  return Float32Array.from(change);
}

/**
 * Return by what two places are alike, the less the farther they are apart.
 *
 * @param {Float32Array} lightness
 * @param {Float32Array} predicted
 * @param {Size} size
 * @returns {((pixel: number) => number)[]} Each trait of a pixel.
 */
function traitsOf(lightness, predicted, [height, width]) {
  const side = Math.min(height, width);
  const radius = Math.max(1, Math.trunc(NEARBY * side + 0.5));
  const nearby = boxMean(Float64Array.from(lightness), height, width, radius);
  return [
    (pixel) => Math.floor(pixel / width) / (NEAR * side),
    (pixel) => (pixel % width) / (NEAR * side),
    (pixel) => lightness[pixel] / BRIGHT,
    (pixel) => nearby[pixel] / AROUND,
    (pixel) => predicted[pixel] / ALIKE,
    (pixel) => predicted[height * width + pixel] / ALIKE,
  ];
}

/**
 * Foretell the true chroma of each pixel from that of places, by kriging.
 *
 * @param {((pixel: number) => number)[]} traits By which places are alike.
 * @param {Float32Array} predicted (2, h, w)
 * @param {Float64Array[]} given (2, K), the true a and b of places.
 * @param {(plane: (pixel: number) => number) => Float64Array} atPlaces Takes means over places.
 * @returns {Float64Array} (2, h, w), what it differs from the prediction by.
 */
function foretold(traits, predicted, given, atPlaces) {
  const count = predicted.length / 2;
  const there = traits.map(atPlaces);
  const own = [0, 1].map((plane) => atPlaces((pixel) => predicted[plane * count + pixel]));
  const places = given[0].length;
  /** @param {number} label @param {(trait: number) => number} of */
  const likeness = (label, of) => {
    let squares = 0;
    for (let trait = 0; trait < there.length; trait++) {
      squares += (there[trait][label] - of(trait)) ** 2;
    }
    return 1 / Math.sqrt(1 + 2 * squares);
  };
  const alike = Array.from({ length: places }, (_, one) =>
    Float64Array.from({ length: places }, (_, other) => {
      return likeness(one, (trait) => there[trait][other]) + (one === other ? LUCK : 0);
    }),
  );
  // How much of the prediction counts: least squares, unlike places counting most.
  const plain = own.map((values) => solved(alike, values));
  let [fit, power] = [PRIOR, PRIOR];
  for (const plane of [0, 1]) {
    plain[plane].forEach((value, label) => {
      fit += value * given[plane][label];
      power += value * own[plane][label];
    });
  }
  const share = Math.min(1, Math.max(0, fit / power));
  const weights = given.map((told, plane) =>
    solved(alike, told.map((value, label) => value - share * own[plane][label])),
  );
  const change = Float64Array.from(predicted, (value) => (share - 1) * value);
  const traitsHere = new Float64Array(traits.length);
  for (let pixel = 0; pixel < count; pixel++) {
    for (let trait = 0; trait < traits.length; trait++) traitsHere[trait] = traits[trait](pixel);
    for (let label = 0; label < places; label++) {
      const alikeness = likeness(label, (trait) => traitsHere[trait]);
      change[pixel] += alikeness * weights[0][label];
      change[count + pixel] += alikeness * weights[1][label];
    }
  }
  return change;
}

/**
 * Solve a system of linear equations whose matrix is positive definite, by elimination.
 *
 * @param {Float64Array[]} matrix (K, K)
 * @param {Float64Array} right (K,)
 */
function solved(matrix, right) {
  const rows = matrix.map((row, at) => Float64Array.of(...row, right[at]));
  const count = rows.length;
  for (let pivot = 0; pivot < count; pivot++) {
    for (let row = 0; row < count; row++) {
      if (row === pivot) continue;
      const share = rows[row][pivot] / rows[pivot][pivot];
      for (let at = pivot; at <= count; at++) rows[row][at] -= share * rows[pivot][at];
    }
  }
  return Float64Array.from(rows, (row, at) => row[count] / row[at]);
}

/**
 * Bring planes to full size along the edges of lightness.
 *
 * @param {Float32Array} chroma (2, h, w)
 * @param {Float32Array} guide (h, w)
 * @param {Size} small
 * @param {Float32Array} lightness (H, W)
 * @param {Size} size
 * @returns {Float32Array} (2, H, W)
 */
export function upsampled(chroma, guide, small, lightness, size) {
  const [height, width] = size;
  const rows = new Upsampling(chroma, guide, small, size);
  const line = new Float32Array(2 * width);
  const full = new Float32Array(2 * height * width);
  for (let row = 0; row < height; row++) {
    rows.row(row, lightness.subarray(row * width, (row + 1) * width), line);
    full.set(line.subarray(0, width), row * width);
    full.set(line.subarray(width), (height + row) * width);
  }
  return full;
}

/**
 * Means over the area of each pixel of a smaller size.
 *
 * @param {Float32Array} planes (C, h, w)
 * @param {Size} size
 * @param {Size} small
 */
function areaMeans(planes, [height, width], [newHeight, newWidth]) {
  const count = planes.length / (height * width);
  const means = new Float32Array(count * newHeight * newWidth);
  let at = 0;
  for (let plane = 0; plane < count; plane++) {
    for (let row = 0; row < newHeight; row++) {
      const top = Math.floor((row * height) / newHeight);
      const bottom = Math.ceil(((row + 1) * height) / newHeight);
      for (let column = 0; column < newWidth; column++) {
        const left = Math.floor((column * width) / newWidth);
        const right = Math.ceil(((column + 1) * width) / newWidth);
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += planes[(plane * height + y) * width + x];
        }
        means[at++] = sum / ((bottom - top) * (right - left));
      }
    }
  }
  return means;
}

/** @param {string} color As "#b5651d". */
function channelsOf(color) {
  const code = Number.parseInt(color.slice(1), 16);
  return /** @type {[number, number, number]} */ ([code >> 16, (code >> 8) & 255, code & 255]);
}

/**
 * Return where sorted places first reach a value.
 *
 * @param {Int32Array} places
 * @param {number} value
 */
function firstFrom(places, value) {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
