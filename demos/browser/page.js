// What a visitor touches. All that takes time is done in worker.js.

import { hasCamera, takePicture } from "./camera.js";
import { Stage } from "./stage.js";

const HINT_SHARE = 80; // the shorter side is so many times as long as a hint's radius

/**
 * @typedef {import("./worker.js").Wish} Wish
 * @typedef {import("./worker.js").Reply} Reply
 */

/**
 * @param {string} selector
 * @returns {any}
 */
const find = (selector) => document.querySelector(selector);

const status = /** @type {HTMLElement} */ (find("#status"));
const progress = /** @type {HTMLProgressElement} */ (find("#progress"));
const saturation = /** @type {HTMLInputElement} */ (find("#saturation"));
const hinting = /** @type {HTMLButtonElement} */ (find("#hinting"));
const color = /** @type {HTMLInputElement} */ (find("#color"));
const chooser = /** @type {HTMLInputElement} */ (find("#file"));
const stage = new Stage(giveColor);
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

/** @type {import("./hints.js").Hint[]} */
let hints = [];
let name = "photograph";
let runsOn = "";
let turn = 0; // which picture
let busy = false; // the worker is at a change
let changed = false; // there is another one for it
let colored = false;

/** @param {Wish} wish */
const ask = (wish) => worker.postMessage(wish);

/**
 * @param {string} text
 * @param {boolean} [isWrong]
 */
function say(text, isWrong = false) {
  status.textContent = text;
  status.classList.toggle("wrong", isWrong);
}

/**
 * @param {Blob} blob
 * @param {string} title
 */
function open(blob, title) {
  name = title.replace(/\.[^.]*$/, "") || "photograph";
  say(`Opening ${name} …`);
  busy = true;
  changed = colored = false;
  ask({ kind: "open", turn: ++turn, blob });
}

/** Let the worker colour anew; what comes while it is at it waits, and the last one counts. */
function change() {
  find("#strength").textContent = `${saturation.value} %`;
  stage.mark(hints);
  showHints();
  changed = busy;
  if (busy || !colored) return;
  busy = true;
  ask({ kind: "change", turn, saturation: saturation.valueAsNumber / 100, hints });
}

/**
 * @param {number} row
 * @param {number} column
 */
function giveColor(row, column) {
  const radius = Math.max(2, Math.floor(Math.min(...stage.size) / HINT_SHARE));
  hints = [...hints, { row, column, color: color.value, radius }];
  change();
}

function showHints() {
  for (const button of [find("#undo"), find("#clear")]) button.disabled = hints.length === 0;
}

/** @param {boolean} on */
function aim(on) {
  hinting.setAttribute("aria-pressed", String(on));
  find("#palette").hidden = !on;
  stage.aimed(on);
}

/** @param {Blob} blob */
function download(blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}-color.${blob.type === "image/png" ? "png" : "jpg"}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {Reply} reply */
function hear(reply) {
  if ("turn" in reply && reply.turn !== turn) return; // of a picture that another one replaced
  if (reply.kind === "loading") {
    progress.max = reply.total;
    progress.value = reply.done;
    const [done, total] = [reply.done, reply.total].map((bytes) => (bytes / 1e6).toFixed(0));
    if (turn === 0) say(`Fetching the model: ${done} of ${total} MB`);
  } else if (reply.kind === "ready") {
    progress.hidden = true;
    runsOn = reply.runsOn;
    find("#model").textContent = `${reply.name}, weights ${reply.license}`;
    if (turn === 0) say(`Ready, on ${runsOn}.`);
  } else if (reply.kind === "opened") {
    document.body.classList.add("open");
    hints = [];
    saturation.value = "100";
    find("#strength").textContent = "100 %";
    stage.open(reply.size, reply.before);
    aim(false);
    showHints();
    document.body.classList.add("busy");
    say(progress.hidden ? "Colouring …" : "The model is still being fetched …");
  } else if (reply.kind === "colored") {
    document.body.classList.remove("busy");
    busy = false;
    colored = true;
    stage.show(reply.after);
    const [height, width] = stage.size;
    say(`${name}: ${width} × ${height} pixels, ${reply.seconds.toFixed(1)} s on ${runsOn}`);
    for (const button of document.querySelectorAll("[data-type]")) button.removeAttribute("disabled");
    if (changed) change();
  } else if (reply.kind === "saved") {
    document.body.classList.remove("busy");
    download(reply.blob);
  } else {
    document.body.classList.remove("busy");
    busy = false;
    say(reply.during === "open" ? `${name} ${reply.message}` : reply.message, true);
  }
}

worker.onmessage = ({ data }) => hear(data);
worker.onerror = () => say("This browser is too old for the page. Take a newer one.", true);

chooser.addEventListener("change", () => {
  const file = chooser.files?.[0];
  if (file) open(file, file.name);
  chooser.value = "";
});
for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => chooser.click());
}
for (const button of document.querySelectorAll("[data-camera]")) {
  /** @type {HTMLElement} */ (button).hidden = !hasCamera;
  button.addEventListener("click", async () => {
    try {
      const still = await takePicture();
      if (still) open(still, "camera");
    } catch (error) {
      say(/** @type {Error} */ (error).message, true);
    }
  });
}
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    const file = button.getAttribute("data-example") ?? "";
    try {
      open(await (await fetch(`examples/${file}`)).blob(), file);
    } catch {
      say(`${file} cannot be fetched.`, true);
    }
  });
}
for (const button of document.querySelectorAll("[data-type]")) {
  button.addEventListener("click", () => {
    document.body.classList.add("busy");
    ask({ kind: "save", type: /** @type {any} */ (button.getAttribute("data-type")) });
  });
}
for (const swatch of document.querySelectorAll("[data-color]")) {
  const given = swatch.getAttribute("data-color") ?? "";
  /** @type {HTMLElement} */ (swatch).style.background = given;
  swatch.addEventListener("click", () => (color.value = given));
}
saturation.addEventListener("input", change);
hinting.addEventListener("click", () => aim(hinting.getAttribute("aria-pressed") !== "true"));
find("#undo").addEventListener("click", () => {
  hints = hints.slice(0, -1);
  change();
});
find("#clear").addEventListener("click", () => {
  hints = [];
  change();
});

document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (file) open(file, file.name);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, () => document.body.classList.remove("over"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file) open(file, file.name);
});

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("sw.js", { updateViaCache: "none" }).catch(console.warn);
}
