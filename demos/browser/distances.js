// How far each pixel is from given ones, along paths that avoid edges: colorzoo/methods/distances.py.
// Yatziv and Sapiro, "Fast Image and Video Colorization using Chrominance Blending", 2006.

const NONE = -1;
const RINGS = 2;
const NEIGHBORS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right]));

/**
 * Give hinted pixels of one colour that hang together one label.
 *
 * Unlike in the library there is no upper limit of labels: a page has as many hints as clicks.
 *
 * @param {import("./hints.js").PlacedHints} hints
 * @returns {Int32Array} (h, w), -1 where there is no hint.
 */
export function labelPlaces({ size: [height, width], chroma, places }) {
  const labels = new Int32Array(height * width).fill(NONE);
  let next = 0;
  for (const place of places) {
    if (labels[place] !== NONE) continue;
    const color = rounded(chroma.get(place));
    const open = [place];
    labels[place] = next;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const near of neighborsOf(at, height, width)) {
        if (labels[near] === NONE && chroma.has(near) && rounded(chroma.get(near)) === color) {
          labels[near] = next;
          open.push(near);
        }
      }
    }
    next++;
  }
  return labels;
}

/**
 * Return the distance of each pixel from each label near it.
 *
 * A label is followed through the cells (the pixels nearest to one label) of its neighbours and of
 * their neighbours, and not beyond.
 *
 * @param {Float32Array} lightness (h, w), L in 0..100.
 * @param {import("./picture.js").Size} size
 * @param {Int32Array} labels (h, w), 0..K-1, or -1 for none.
 * @param {number} count K.
 * @param {number} step Length of a step of one pixel in a flat region, in units of L.
 * @returns {Float32Array[]} K of (h, w), infinite where a label is not followed to.
 */
export function distances(lightness, size, labels, count, step) {
  const walk = new Walk(lightness, size, step);
  const cells = Int32Array.from(labels);
  walk.from(
    (pixel) => labels[pixel] !== NONE,
    () => true,
    (pixel, before) => (cells[pixel] = cells[before]),
  );
  return nearCells(cells, size, count).map((near, label) => {
    walk.from(
      (pixel) => labels[pixel] === label,
      (pixel) => near[cells[pixel]],
    );
    return Float32Array.from(walk.reach);
  });
}

/** Dijkstra's shortest paths over the pixels of a picture, with a binary heap. */
class Walk {
  /**
   * @param {Float32Array} lightness
   * @param {import("./picture.js").Size} size
   * @param {number} step
   */
  constructor(lightness, [height, width], step) {
    this.lightness = lightness;
    this.height = height;
    this.width = width;
    this.step = step;
    this.reach = new Float64Array(lightness.length);
    this.heap = new Heap(this.reach);
  }

  /**
   * Work out `reach`, the distance of each pixel from the nearest start.
   *
   * @param {(pixel: number) => boolean} isStart
   * @param {(pixel: number) => boolean} isInside Whether a path may lead there.
   * @param {(pixel: number, before: number) => void} [onStep] Told each step that shortens a path.
   */
  from(isStart, isInside, onStep) {
    const { lightness, reach, heap, height, width } = this;
    reach.fill(Infinity);
    for (let pixel = 0; pixel < reach.length; pixel++) {
      if (!isStart(pixel)) continue;
      reach[pixel] = 0;
      heap.push(pixel, 0);
    }
    while (heap.length > 0) {
      const [pixel, far] = heap.pop();
      if (far > reach[pixel]) continue; // reached on a shorter path meanwhile
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
          const next = y * width + x;
          const side = y === row || x === column ? 1 : Math.SQRT2;
          const length = Math.abs(lightness[next] - lightness[pixel]) + this.step * side;
          if (far + length >= reach[next] || !isInside(next)) continue;
          reach[next] = far + length;
          onStep?.(next, pixel);
          heap.push(next, far + length);
        }
      }
    }
  }
}

/** Pixels in the order of their distance. */
class Heap {
  /** @param {Float64Array} reach Sets how many pixels there are. */
  constructor(reach) {
    this.pixels = new Int32Array(8 * reach.length);
    this.keys = new Float64Array(8 * reach.length);
    this.length = 0;
  }

  /**
   * @param {number} pixel
   * @param {number} key
   */
  push(pixel, key) {
    const { pixels, keys } = this;
    let at = this.length++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (keys[above] <= key) break;
      [pixels[at], keys[at]] = [pixels[above], keys[above]];
      at = above;
    }
    [pixels[at], keys[at]] = [pixel, key];
  }

  /** @returns {[number, number]} The nearest pixel and its distance. */
  pop() {
    const { pixels, keys } = this;
    /** @type {[number, number]} */
    const nearest = [pixels[0], keys[0]];
    const [pixel, key] = [pixels[--this.length], keys[this.length]];
    let at = 0;
    for (let below = 1; below < this.length; below = 2 * at + 1) {
      if (below + 1 < this.length && keys[below + 1] < keys[below]) below++;
      if (keys[below] >= key) break;
      [pixels[at], keys[at]] = [pixels[below], keys[below]];
      at = below;
    }
    [pixels[at], keys[at]] = [pixel, key];
    return nearest;
  }
}

/**
 * Return for each cell which others are at most RINGS borders apart.
 *
 * @param {Int32Array} cells
 * @param {import("./picture.js").Size} size
 * @param {number} count
 */
function nearCells(cells, [height, width], count) {
  const touching = Array.from({ length: count }, (_, cell) => new Set([cell]));
  for (let pixel = 0; pixel < cells.length; pixel++) {
    for (const other of [pixel % width < width - 1 ? pixel + 1 : pixel, pixel + width]) {
      if (other >= height * width || cells[other] === cells[pixel]) continue;
      touching[cells[pixel]].add(cells[other]);
      touching[cells[other]].add(cells[pixel]);
    }
  }
  return touching.map((_, cell) => {
    const near = Array.from({ length: count }, () => false);
    let ring = new Set([cell]);
    for (let round = 0; round < RINGS; round++) {
      ring = new Set([...ring].flatMap((one) => [...touching[one]]));
    }
    for (const one of ring) near[one] = true;
    return near;
  });
}

/**
 * @param {number} place
 * @param {number} height
 * @param {number} width
 */
function* neighborsOf(place, height, width) {
  const [row, column] = [Math.floor(place / width), place % width];
  for (const [down, right] of NEIGHBORS) {
    const [y, x] = [row + down, column + right];
    if (y >= 0 && y < height && x >= 0 && x < width) yield y * width + x;
  }
}

/** @param {[number, number] | undefined} chroma Colours closer than a step count as one. */
function rounded(chroma) {
  return chroma?.map(Math.round).join();
}
