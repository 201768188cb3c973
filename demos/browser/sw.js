// Keeps the page, so that it works without a network, and isolates it, so that threads may be used.

importScripts("build.js");

/**
 * @typedef {{version: string, files: string[]}} Kept Which files make up the page, by `build.js`.
 * @typedef {Event & {waitUntil(work: Promise<unknown>): void}} Lasting
 * @typedef {Lasting & {request: Request, respondWith(answer: Promise<Response>): void}} Fetching
 */

const scope = /** @type {Window & {
 *   KEPT: Kept, registration: ServiceWorkerRegistration, clients: {claim(): Promise<void>},
 *   skipWaiting(): Promise<void>}} */ (/** @type {unknown} */ (self));
const NAME = `colorzoo-${scope.KEPT.version}`;
const LARGE = "colorzoo-large"; // is looked after by model.js
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

scope.addEventListener("install", (event) => {
  const fill = async () => {
    const cache = await caches.open(NAME);
    // Not what the browser still has of an earlier version.
    await cache.addAll(scope.KEPT.files.map((file) => new Request(file, { cache: "reload" })));
    await scope.skipWaiting();
  };
  /** @type {Lasting} */ (event).waitUntil(fill());
});

scope.addEventListener("activate", (event) => {
  const clean = async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith("colorzoo-"));
    const old = names.filter((name) => name !== NAME && name !== LARGE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await scope.clients.claim();
  };
  /** @type {Lasting} */ (event).waitUntil(clean());
});

scope.addEventListener("fetch", (event) => {
  const fetching = /** @type {Fetching} */ (event);
  const { method, url } = fetching.request;
  if (method !== "GET" || !url.startsWith(scope.registration.scope)) return;
  fetching.respondWith(answer(fetching.request));
});

/** @param {Request} request */
async function answer(request) {
  const kept = await found(request);
  const { body, status, statusText, headers } = kept ?? (await fetch(request));
  const isolated = new Headers(headers);
  for (const [name, value] of Object.entries(HEADERS)) isolated.set(name, value);
  return new Response(body, { status, statusText, headers: isolated });
}

/** @param {Request} request */
async function found(request) {
  const page = await caches.open(NAME);
  if (request.url.split(/[?#]/)[0].endsWith("/")) return page.match("index.html");
  const large = await caches.open(LARGE);
  return (await page.match(request, { ignoreSearch: true })) ?? large.match(request);
}
