// All that takes time, beside the page: reading a picture, predicting, finishing.

import { mended, placeHints, resizedHints } from "./hints.js";
import { forgetOthers, Model } from "./model.js";
import { Picture, shrunkHints, workingShape } from "./picture.js";
import { pngOf } from "./png.js";

const MOST_PIXELS = 120e6;
const SHOWN = 1280; // longer side in pixels of what is looked at
const JPEG_QUALITY = 0.95;
const AT_ONCE = 1 << 24; // pixels that are read in one go; of more, there is not always memory
/** @type {import("./picture.js").Prediction} */
const COLORLESS = {
  size: [1, 1],
  chroma: new Float32Array(2),
  lightness: new Float32Array(1),
  hints: null,
};

/**
 * @typedef {import("./picture.js").Size} Size
 * @typedef {import("./hints.js").Hint} Hint
 *
 * What the page asks for; each picture is another turn.
 * @typedef {{kind: "open", turn: number, blob: Blob}
 *   | {kind: "change", turn: number, saturation: number, hints: Hint[]}
 *   | {kind: "save", type: "image/png" | "image/jpeg"}} Wish
 *
 * What it is told.
 * @typedef {{kind: "loading", done: number, total: number}
 *   | {kind: "ready", name: string, license: string, runsOn: string}
 *   | {kind: "opened", turn: number, size: Size, before: ImageData}
 *   | {kind: "colored", turn: number, after: ImageData, seconds: number}
 *   | {kind: "saved", blob: Blob}
 *   | {kind: "failed", during: Wish["kind"] | "start", message: string}} Reply
 */

class Studio {
  /** @type {Picture | null} */
  picture = null;
  /** @type {Picture | null} */
  shown = null;
  /** @type {import("./picture.js").Prediction | null} Without hints. */
  predicted = null;
  /** @type {import("./picture.js").Prediction | null} */
  prediction = null;
  saturation = 1;
  hints = "[]";
  turn = 0;

  /** @param {Promise<Model>} model */
  constructor(model) {
    this.model = model;
  }

  /**
   * @param {Blob} blob
   * @param {number} turn
   */
  async open(blob, turn) {
    this.turn = turn;
    this.picture = this.predicted = this.prediction = null;
    const picture = await read(blob);
    this.picture = picture;
    const scale = Math.min(1, SHOWN / Math.max(...picture.size));
    this.shown = picture;
    if (scale < 1) {
      const [height, width] = picture.size.map((side) => Math.max(1, Math.round(side * scale)));
      this.shown = picture.shrunk([height, width]);
    }
    const before = imageOf(this.shown, COLORLESS, 0);
    tell({ kind: "opened", turn, size: picture.size, before });
    await this.change(1, []);
  }

  /**
   * @param {number} saturation
   * @param {Hint[]} hints
   */
  async change(saturation, hints) {
    const { picture, shown } = this;
    if (!picture || !shown) return;
    const model = await this.model;
    const start = performance.now();
    if (!this.predicted) {
      const size = workingShape(picture.size, model.build.workingSize);
      const lightness = picture.resized(size);
      const chroma = await model.predict(lightness, size);
      this.predicted = this.prediction = { size, chroma, lightness, hints: null };
      this.hints = "[]";
    }
    if (JSON.stringify(hints) !== this.hints || !this.prediction) {
      this.hints = JSON.stringify(hints);
      this.prediction = hints.length ? mendedBy(this.predicted, hints, picture) : this.predicted;
    }
    this.saturation = saturation;
    const after = imageOf(shown, shrunkHints(this.prediction, shown.size), saturation);
    const seconds = (performance.now() - start) / 1000;
    tell({ kind: "colored", turn: this.turn, after, seconds });
  }

  /** @param {"image/png" | "image/jpeg"} type */
  async save(type) {
    const { picture, prediction } = this;
    if (!picture || !prediction) return;
    const strips = picture.finished(prediction, this.saturation);
    const blob =
      type === "image/png"
        ? await pngOf(picture.size, picture.alpha === null, strips)
        : await jpegOf(picture.size, strips);
    tell({ kind: "saved", blob });
  }
}

/**
 * @param {import("./picture.js").Prediction} predicted
 * @param {Hint[]} hints
 * @param {Picture} picture
 */
function mendedBy(predicted, hints, picture) {
  const placed = placeHints(hints, picture.size);
  const small = resizedHints(placed, predicted.size);
  const chroma = mended(predicted.lightness, predicted.chroma, small);
  return { ...predicted, chroma, hints: placed };
}

/**
 * Decode a picture and take its lightness, strip by strip.
 *
 * @param {Blob} blob
 */
async function read(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new Error("is no picture that this browser opens. Save it as JPEG or PNG first.");
  });
  /** @type {Size} */
  const size = [bitmap.height, bitmap.width];
  try {
    if (size[0] * size[1] > MOST_PIXELS) {
      throw new Error(`has more than ${MOST_PIXELS / 1e6} million pixels. Scale it down first.`);
    }
    const isSmall = size[0] * size[1] <= AT_ONCE;
    const all = isSmall ? [pixelsOf(bitmap, 0, size[0])] : null;
    return Picture.of(size, () => all ?? stripsOfBitmap(bitmap));
  } finally {
    bitmap.close();
  }
}

/** @param {ImageBitmap} bitmap */
function* stripsOfBitmap(bitmap) {
  const rows = Math.max(1, Math.floor(AT_ONCE / bitmap.width));
  for (let start = 0; start < bitmap.height; start += rows) {
    yield pixelsOf(bitmap, start, Math.min(start + rows, bitmap.height));
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} start First row.
 * @param {number} stop The row behind the last.
 */
function pixelsOf(bitmap, start, stop) {
  const context = contextOf(bitmap.width, stop - start);
  context.drawImage(bitmap, 0, -start);
  return context.getImageData(0, 0, bitmap.width, stop - start).data;
}

/**
 * @param {Picture} picture
 * @param {import("./picture.js").Prediction} prediction
 * @param {number} saturation
 */
function imageOf(picture, prediction, saturation) {
  const [height, width] = picture.size;
  const image = new ImageData(width, height);
  let at = 0;
  for (const rgba of picture.finished(prediction, saturation)) {
    image.data.set(rgba, at);
    at += rgba.length;
  }
  return image;
}

/**
 * @param {Size} size
 * @param {Iterable<Uint8ClampedArray<ArrayBuffer>>} strips
 */
async function jpegOf([height, width], strips) {
  const context = contextOf(width, height);
  let row = 0;
  for (const rgba of strips) {
    putOnWhite(rgba);
    const rows = rgba.length / (4 * width);
    context.putImageData(new ImageData(rgba, width, rows), 0, row);
    row += rows;
  }
  return context.canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
}

/** @param {Uint8ClampedArray} rgba What shines through becomes white, since JPEG has no opacity. */
function putOnWhite(rgba) {
  for (let at = 0; at < rgba.length; at += 4) {
    if (rgba[at + 3] === 255) continue;
    for (let channel = at; channel < at + 3; channel++) {
      rgba[channel] = 255 - ((255 - rgba[channel]) * rgba[at + 3]) / 255;
    }
    rgba[at + 3] = 255;
  }
}

/**
 * @param {number} width
 * @param {number} height
 */
function contextOf(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("is too large for this browser.");
  return context;
}

/** @param {Reply} reply */
function tell(reply) {
  /** @type {{postMessage(reply: Reply): void}} */ (/** @type {unknown} */ (self)).postMessage(reply);
}

/**
 * @param {Wish["kind"] | "start"} during
 * @param {unknown} error
 */
function fail(during, error) {
  tell({ kind: "failed", during, message: error instanceof Error ? error.message : String(error) });
}

async function start() {
  const answer = await fetch(new URL("page.json", import.meta.url));
  if (!answer.ok) throw new Error("This page was not built: it has no page.json.");
  /** @type {import("./model.js").Build} */
  const build = await answer.json();
  const model = await Model.load(build, (done, total) => tell({ kind: "loading", done, total }));
  tell({ kind: "ready", name: build.name, license: build.license, runsOn: model.runsOn });
  if (globalThis.caches) forgetOthers(build).catch(console.warn);
  return model;
}

const model = start();
model.catch((error) => fail("start", error));
const studio = new Studio(model);
let before = Promise.resolve();

self.onmessage = ({ data }) => {
  const wish = /** @type {Wish} */ (data);
  const work = async () => {
    if (wish.kind === "open") await studio.open(wish.blob, wish.turn);
    if (wish.kind === "change" && wish.turn === studio.turn) await studio.change(wish.saturation, wish.hints);
    if (wish.kind === "save") await studio.save(wish.type);
  };
  before = before.then(work).catch((error) => fail(wish.kind, error));
};
