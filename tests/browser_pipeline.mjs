// Colours pictures as the page in the browser does, with chroma that is given: see
// test_browser_pipeline.py, which compares it with Python.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { mended, placeHints, resizedHints } from "../demos/browser/hints.js";
import { Picture, shrunkHints, workingShape } from "../demos/browser/picture.js";
import { pngOf } from "../demos/browser/png.js";

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name));

for (const task of JSON.parse(read("tasks.json").toString())) {
  const { name, size, workingSize, hints, saturation, shown } = task;
  const picture = Picture.of(size, () => halves(new Uint8Array(read(`${name}.rgba`)), size));
  const shape = workingShape(size, workingSize);
  const lightness = picture.resized(shape);
  const predicted = new Float32Array(new Uint8Array(read(`${name}.ab`)).buffer);
  const placed = hints.length ? placeHints(hints, size) : null;
  const chroma = placed ? mended(lightness, predicted, resizedHints(placed, shape)) : predicted;
  const prediction = { size: shape, chroma, lightness, hints: placed };
  writeFileSync(join(folder, `${name}.lightness`), lightness);
  writeFileSync(join(folder, `${name}.chroma`), chroma);
  const save = async (suffix, one, what) => {
    const png = await pngOf(one.size, one.alpha === null, one.finished(what, saturation));
    writeFileSync(join(folder, name + suffix), new Uint8Array(await png.arrayBuffer()));
  };
  await save(".png", picture, prediction);
  if (shown) await save(".shown.png", picture.shrunk(shown), shrunkHints(prediction, shown));
}

function halves(rgba, [height, width]) {
  const cut = 4 * width * Math.floor(height / 2);
  return [rgba.subarray(0, cut), rgba.subarray(cut)];
}
