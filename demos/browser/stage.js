// Before and after, one over the other, and clicks that give colours.

const STEP = 0.02; // of a side, for each press of an arrow key

/**
 * @param {string} selector
 * @returns {any}
 */
const find = (selector) => document.querySelector(selector);

/** What is looked at. */
export class Stage {
  /** @type {HTMLElement} */
  frame = find("#frame");
  /** @type {HTMLCanvasElement} */
  before = find("#before");
  /** @type {HTMLCanvasElement} */
  after = find("#after");
  /** @type {HTMLInputElement} */
  split = find("#split");
  /** @type {HTMLButtonElement} */
  target = find("#target");
  /** @type {HTMLElement} */
  dots = find("#dots");
  /** Of the picture, rows and columns. @type {import("./picture.js").Size} */
  size = [1, 1];
  aim = [0.5, 0.5];

  /** @param {(row: number, column: number) => void} onPlace Told which pixel is to get a colour. */
  constructor(onPlace) {
    this.onPlace = onPlace;
    this.split.addEventListener("input", () => this.showSplit());
    this.after.addEventListener("click", (event) => {
      if (!this.frame.classList.contains("aiming")) return;
      const box = this.after.getBoundingClientRect();
      this.#aimAt((event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width);
      this.#place();
    });
    this.target.addEventListener("click", () => this.#place());
    this.target.addEventListener("keydown", (event) => {
      const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
        event.key
      ];
      if (!move) return;
      event.preventDefault();
      this.#aimAt(this.aim[0] + STEP * move[0], this.aim[1] + STEP * move[1]);
    });
    this.showSplit();
  }

  /**
   * @param {import("./picture.js").Size} size
   * @param {ImageData} before
   */
  open(size, before) {
    this.size = size;
    for (const canvas of [this.before, this.after]) draw(canvas, before);
    this.frame.style.setProperty("--shape", String(before.width / before.height));
    this.dots.replaceChildren();
    this.aimed(false);
  }

  /** @param {ImageData} after */
  show(after) {
    draw(this.after, after);
  }

  showSplit() {
    this.frame.style.setProperty("--split", `${this.split.value}%`);
  }

  /** @param {boolean} on Whether clicks give colours. */
  aimed(on) {
    this.frame.classList.toggle("aiming", on);
    this.split.disabled = on;
    this.target.hidden = !on;
    this.#aimAt(this.aim[0], this.aim[1]);
  }

  /** @param {import("./hints.js").Hint[]} hints */
  mark(hints) {
    const dots = hints.map(({ row, column, color }) => {
      const dot = document.createElement("span");
      dot.style.top = `${(100 * (row + 0.5)) / this.size[0]}%`;
      dot.style.left = `${(100 * (column + 0.5)) / this.size[1]}%`;
      dot.style.background = color;
      return dot;
    });
    this.dots.replaceChildren(...dots);
  }

  #place() {
    const [row, column] = this.#pixel();
    this.onPlace(row, column);
  }

  #pixel() {
    return this.aim.map((share, axis) =>
      Math.min(this.size[axis] - 1, Math.floor(share * this.size[axis])),
    );
  }

  /**
   * @param {number} down Share of the height.
   * @param {number} right Share of the width.
   */
  #aimAt(down, right) {
    this.aim = [down, right].map((share) => Math.min(1, Math.max(0, share)));
    this.target.style.top = `${100 * this.aim[0]}%`;
    this.target.style.left = `${100 * this.aim[1]}%`;
    const [row, column] = this.#pixel();
    this.target.setAttribute("aria-label", `Give the colour at row ${row}, column ${column}`);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ImageData} image
 */
function draw(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
