// sRGB to CIELAB and back: colorzoo/color.py, pixel by pixel.

/** Linear light goes into so many steps, 0.025 of an 8-bit code each where sRGB is steepest. */
const STEPS = 1 << 17;
const STEPS_OF_L = 655.35; // in codes of 16 bits, for each unit of L
const WHITE = [0.95047, 1.0, 1.08883];
const XYZ_FROM_RGB = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const RGB_FROM_XYZ = inverse(XYZ_FROM_RGB);
const EPSILON = 0.008856; // below this share of white, Lab's cube root is replaced by a line
const SLOPE = 7.787;
const OFFSET = 16 / 116;
const KNEE = 0.2068966; // the cube root of EPSILON

/**
 * Lightness of pixels, as integer codes: 8 bits of grey, or 16 bits of L where there is colour.
 *
 * @typedef {object} Lightness
 * @property {Uint8Array | Uint16Array} codes One a pixel.
 * @property {Float32Array} table L in 0..100 of each code.
 */

/**
 * Take the lightness of pixels.
 *
 * @param {() => Iterable<Uint8Array | Uint8ClampedArray>} strips Gives RGBA piece by piece, again
 *   with each call.
 * @param {number} count Of pixels.
 * @returns {Lightness}
 */
export function lightnessOf(strips, count) {
  let pixel = 0;
  if (areGrey(strips())) {
    const codes = new Uint8Array(count);
    for (const rgba of strips()) {
      for (let at = 0; at < rgba.length; at += 4) codes[pixel++] = rgba[at];
    }
    return { codes, table: Float32Array.from({ length: 256 }, (_, code) => lightnessOfGrey(code)) };
  }
  const [reds, greens, blues] = XYZ_FROM_RGB[1].map((weight) =>
    Float64Array.from({ length: 256 }, (_, code) => weight * linear(code / 255)),
  );
  const codes = new Uint16Array(count);
  for (const rgba of strips()) {
    for (let at = 0; at < rgba.length; at += 4) {
      const luminance = reds[rgba[at]] + greens[rgba[at + 1]] + blues[rgba[at + 2]];
      codes[pixel++] = Math.round(STEPS_OF_L * Math.max(0, 116 * labCurve(luminance) - 16));
    }
  }
  return { codes, table: evenTable() };
}

/**
 * Return codes of 16 bits for values of L.
 *
 * @param {Float32Array} values 0..100.
 * @returns {Lightness}
 */
export function codesOf(values) {
  const codes = Uint16Array.from(values, (value) => Math.round(STEPS_OF_L * value));
  return { codes, table: evenTable() };
}

/**
 * Return a and b of one sRGB colour.
 *
 * @param {number} red 0..255, as the others.
 * @param {number} green
 * @param {number} blue
 * @returns {[number, number]} In Lab units.
 */
export function chromaOf(red, green, blue) {
  const light = [red, green, blue].map((code) => linear(code / 255));
  const [x, y, z] = XYZ_FROM_RGB.map((row, axis) =>
    labCurve((row[0] * light[0] + row[1] * light[1] + row[2] * light[2]) / WHITE[axis]),
  );
  return [500 * (x - y), 200 * (y - z)];
}

/**
 * Join lightness and chroma to sRGB. Colours that sRGB cannot show lose saturation, never lightness.
 *
 * @param {Float32Array} lightness L of n pixels, 0..100.
 * @param {Float32Array} chroma a of the n pixels and then their b, in Lab units.
 * @param {number} saturation What chroma is multiplied by.
 * @param {Uint8Array | Uint8ClampedArray} rgba Of n pixels; their opacity is left as it is.
 */
export function toSrgb(lightness, chroma, saturation, rgba) {
  const codes = codesOfLinear();
  const [[redX, , redZ], [greenX, , greenZ], [blueX, , blueZ]] = RGB_FROM_XYZ.map((row) =>
    row.map((weight, axis) => weight * WHITE[axis]),
  );
  const count = lightness.length;
  for (let pixel = 0, at = 0; pixel < count; pixel++, at += 4) {
    const middle = lightness[pixel] / 116 + OFFSET;
    const y = inverseLabCurve(middle);
    const x = inverseLabCurve(middle + (saturation / 500) * chroma[pixel]) - y;
    const z = inverseLabCurve(middle - (saturation / 200) * chroma[count + pixel]) - y;
    const grey = y < 0 ? 0 : y > 1 ? 1 : y;
    // The distance of each channel from the grey of the same luminance, and the share of it for
    // which there is room.
    const red = x * redX + z * redZ;
    const green = x * greenX + z * greenZ;
    const blue = x * blueX + z * blueZ;
    const up = Math.max(red, green, blue, 1e-9);
    const down = Math.min(red, green, blue, -1e-9);
    const share = Math.min((1 - grey) / up, -grey / down, 1);
    rgba[at] = codes[STEPS * (grey + share * red) + 0.5 | 0];
    rgba[at + 1] = codes[STEPS * (grey + share * green) + 0.5 | 0];
    rgba[at + 2] = codes[STEPS * (grey + share * blue) + 0.5 | 0];
  }
}

/** @param {Iterable<Uint8Array | Uint8ClampedArray>} strips RGBA. */
function areGrey(strips) {
  for (const rgba of strips) {
    for (let at = 0; at < rgba.length; at += 4) {
      if (rgba[at] !== rgba[at + 1] || rgba[at] !== rgba[at + 2]) return false;
    }
  }
  return true;
}

/** L of codes that are L themselves, in 65536 steps. */
function evenTable() {
  return Float32Array.from({ length: 65536 }, (_, code) => code / STEPS_OF_L);
}

/** @param {number} code 0..255 */
function lightnessOfGrey(code) {
  const [red, green, blue] = XYZ_FROM_RGB[1];
  return Math.min(100, Math.max(0, 116 * labCurve((red + green + blue) * linear(code / 255)) - 16));
}

/** @param {number} srgb 0..1 */
function linear(srgb) {
  return srgb > 0.04045 ? ((srgb + 0.055) / 1.055) ** 2.4 : srgb / 12.92;
}

/** @param {number} share Of white. */
function labCurve(share) {
  return share > EPSILON ? Math.cbrt(share) : SLOPE * share + OFFSET;
}

/** @param {number} f */
function inverseLabCurve(f) {
  return f > KNEE ? f * f * f : (f - OFFSET) / SLOPE;
}

/** @type {Uint8Array | undefined} */
let table;

/** 8-bit sRGB codes of linear light in STEPS steps. */
function codesOfLinear() {
  table ??= Uint8Array.from({ length: STEPS + 1 }, (_, step) => {
    const light = step / STEPS;
    const srgb = light > 0.0031308 ? 1.055 * light ** (1 / 2.4) - 0.055 : 12.92 * light;
    return Math.round(255 * srgb);
  });
  return table;
}

/**
 * Invert a 3x3 matrix by cofactors.
 *
 * @param {number[][]} matrix
 */
function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((cofactor) => cofactor / determinant));
}
