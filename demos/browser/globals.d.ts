// What a service worker has and a page has not.
declare function importScripts(...names: string[]): void;
