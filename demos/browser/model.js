// The network: fetched once and kept, run on the GPU where the browser has one, else in WebAssembly.

const KEPT = "colorzoo-large"; // the cache of what is too large to be fetched twice
const MOST_THREADS = 4;
const WRONG = 1; // in Lab units: a network that is off by more on average computes wrongly here

/**
 * @typedef {object} File
 * @property {string} name
 * @property {number} size Bytes.
 * @property {string} sha256 In hexadecimal.
 *
 * @typedef {"wasm" | "jspi" | "asyncify"} Kind
 *
 * What the page was built with: `page.json`.
 * @typedef {object} Build
 * @property {string} name Of the model.
 * @property {string} license Of its weights.
 * @property {number} workingSize Shorter side of the pictures that it sees best.
 * @property {number | null} vividness Its own; null where it takes none.
 * @property {File} model
 * @property {Record<Kind, {script: File, glue: File, binary: File}>} runtimes
 * @property {Probe} probe
 *
 * What the network gives for a lightness that is known: it shows whether it is computed rightly.
 * @typedef {object} Probe
 * @property {import("./picture.js").Size} size
 * @property {number[]} lightness (h, w)
 * @property {number[]} chroma (2, h, w)
 *
 * What is used of onnxruntime-web.
 * @typedef {{run(feeds: object, outputs: string[]): Promise<Record<string, {getData(): Promise<Float32Array>}>>}} Session
 * @typedef {object} Runtime
 * @property {{logLevel: string, wasm: Record<string, unknown>}} env
 * @property {new (type: string, data: Float32Array, dims: readonly number[]) => object} Tensor
 * @property {{create(model: Uint8Array, options: object): Promise<Session>}} InferenceSession
 */

export class Model {
  /**
   * @param {Build} build
   * @param {Runtime} runtime
   * @param {Session} session
   * @param {string} runsOn What a person is told.
   */
  constructor(build, runtime, session, runsOn) {
    this.build = build;
    this.runtime = runtime;
    this.session = session;
    this.runsOn = runsOn;
  }

  /**
   * Fetch what is needed, from the cache where it is there, and start it.
   *
   * @param {Build} build
   * @param {(done: number, total: number) => void} onProgress Told the bytes.
   */
  static async load(build, onProgress) {
    const fetching = new Fetching(onProgress);
    const graph = fetching.fetch(build.model);
    graph.catch(() => {}); // it is told below
    const kind = await bestKind();
    if (kind !== "wasm") {
      try {
        return await Model.#start(build, kind, await fetching.runtime(build, kind), await graph);
      } catch (error) {
        console.warn("The GPU is not used:", error);
      }
    }
    return Model.#start(build, "wasm", await fetching.runtime(build, "wasm"), await graph);
  }

  /**
   * @param {Build} build
   * @param {Kind} kind
   * @param {{script: string, glue: string, binary: Uint8Array}} parts
   * @param {Uint8Array} graph
   */
  static async #start(build, kind, parts, graph) {
    /** @type {Runtime} */
    const runtime = await import(parts.script);
    const cores = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
    const threads = globalThis.crossOriginIsolated ? cores : 1;
    runtime.env.logLevel = "error";
    runtime.env.wasm.numThreads = threads;
    runtime.env.wasm.wasmPaths = { mjs: parts.glue };
    runtime.env.wasm.wasmBinary = parts.binary.buffer;
    const provider = kind === "wasm" ? "wasm" : "webgpu";
    const options = { executionProviders: [provider], logSeverityLevel: 3 };
    const session = await runtime.InferenceSession.create(graph, options);
    const inWasm = threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly";
    const model = new Model(build, runtime, session, kind === "wasm" ? inWasm : "WebGPU");
    await model.#check();
    return model;
  }

  /**
   * Predict a and b of a picture.
   *
   * @param {Float32Array} lightness (h, w), L in 0..100.
   * @param {import("./picture.js").Size} size
   * @returns {Promise<Float32Array>} (2, h, w), in Lab units.
   */
  async predict(lightness, size) {
    const { Tensor } = this.runtime;
    const { vividness } = this.build;
    const feeds = {
      lightness: new Tensor("float32", lightness, [1, 1, ...size]),
      ...(vividness !== null && {
        vividness: new Tensor("float32", Float32Array.of(vividness), []),
      }),
    };
    const { chroma } = await this.session.run(feeds, ["chroma"]);
    return chroma.getData();
  }

  async #check() {
    const { size, lightness, chroma } = this.build.probe;
    const given = await this.predict(Float32Array.from(lightness), size);
    const off = chroma.reduce((sum, value, at) => sum + Math.abs(value - given[at]), 0);
    if (!(off / chroma.length < WRONG)) {
      throw new Error(`This browser computes other colours than it should (${this.runsOn}).`);
    }
  }
}

/** Files that are fetched side by side, and how far that is. */
class Fetching {
  /** @param {(done: number, total: number) => void} onProgress */
  constructor(onProgress) {
    this.onProgress = onProgress;
    this.done = 0;
    this.total = 0;
  }

  /**
   * @param {Build} build
   * @param {Kind} kind
   */
  async runtime(build, kind) {
    const { script, glue, binary } = build.runtimes[kind];
    const [, , bytes] = await Promise.all([script, glue, binary].map((file) => this.fetch(file)));
    return { script: addressOf(script), glue: addressOf(glue), binary: bytes };
  }

  /**
   * Return the bytes of a file, and keep them for the next time.
   *
   * @param {File} file
   */
  async fetch(file) {
    this.total += file.size;
    const address = addressOf(file);
    const cache = await globalThis.caches?.open(KEPT).catch(() => null);
    const kept = await cache?.match(address);
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if (await isWhole(bytes, file)) {
        this.#add(file.size);
        return bytes;
      }
      await cache?.delete(address);
    }
    const answer = await fetch(address);
    if (!answer.ok || !answer.body) throw new Error(`${file.name} cannot be fetched.`);
    const bytes = new Uint8Array(file.size);
    let at = 0;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > file.size) break;
      bytes.set(value, at);
      at += value.length;
      this.#add(value.length);
    }
    if (at !== file.size || !(await isWhole(bytes, file))) {
      throw new Error(`${file.name} did not come as it should. Load the page again.`);
    }
    const type = answer.headers.get("Content-Type") ?? "application/octet-stream";
    const copy = new Response(bytes, { headers: { "Content-Type": type } });
    await cache?.put(address, copy).catch((error) => console.warn("Not kept:", error));
    return bytes;
  }

  /** @param {number} bytes */
  #add(bytes) {
    this.done += bytes;
    this.onProgress(this.done, this.total);
  }
}

/**
 * Forget files of an earlier build.
 *
 * @param {Build} build
 */
export async function forgetOthers(build) {
  const runtimes = Object.values(build.runtimes).flatMap((parts) => Object.values(parts));
  const wanted = new Set([build.model, ...runtimes].map(addressOf));
  const cache = await caches.open(KEPT);
  for (const request of await cache.keys()) {
    if (!wanted.has(request.url)) await cache.delete(request);
  }
}

/** @param {File} file */
function addressOf(file) {
  return new URL(`${file.name}?v=${file.sha256.slice(0, 16)}`, import.meta.url).href;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {File} file
 */
async function isWhole(bytes, file) {
  if (bytes.length !== file.size) return false;
  if (!globalThis.crypto?.subtle) return true; // served without encryption, where it is not there
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") === file.sha256;
}

/**
 * Tell which runtime suits this browser.
 *
 * @returns {Promise<Kind>}
 */
async function bestKind() {
  const { gpu } = /** @type {{gpu?: {requestAdapter(): Promise<Adapter | null>}}} */ (navigator);
  const adapter = await gpu?.requestAdapter().catch(() => null);
  // One that is made of software is slower than WebAssembly.
  if (!adapter || (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter)) return "wasm";
  return "Suspending" in WebAssembly ? "jspi" : "asyncify";
}

/** @typedef {{info?: {isFallbackAdapter?: boolean}, isFallbackAdapter?: boolean}} Adapter */
