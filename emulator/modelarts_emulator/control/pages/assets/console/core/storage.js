// Object storage: buckets, their folders and objects.

import { query, send, SERVER } from "./http.js";

// The header that distinguishes a request for object storage from one for a page.
const STORAGE = { "x-obs-date": new Date(0).toUTCString() };

/** @param {string} path `/bucket/key` */
const place = (path) => new URL(path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/"), SERVER);

/** @param {URL} url */
async function xml(url) {
  const text = await (await send(url, "GET", undefined, STORAGE, false)).text();
  return new DOMParser().parseFromString(text, "application/xml");
}

/** @param {Document | Element} node @param {string} tag */
const texts = (node, tag) => [...node.getElementsByTagName(tag)].map((each) => each.textContent ?? "");

/** @returns {Promise<string[]>} */
export async function buckets() {
  return [...(await xml(SERVER)).getElementsByTagName("Bucket")].map((node) => texts(node, "Name")[0]);
}

/**
 * List a folder of a bucket; `prefix` is empty or ends in `/`.
 * @param {string} bucket
 * @param {string} prefix
 * @param {string} [marker] Where the last answer ended
 */
export async function list(bucket, prefix, marker = "") {
  const url = new URL(`${place(bucket)}${query({ delimiter: "/", prefix, marker, "max-keys": 1000 })}`);
  const found = await xml(url);
  const folders = [...found.getElementsByTagName("CommonPrefixes")].flatMap((node) => texts(node, "Prefix"));
  const objects = [...found.getElementsByTagName("Contents")].map((node) => ({
    key: texts(node, "Key")[0], size: Number(texts(node, "Size")[0]), modified: Date.parse(texts(node, "LastModified")[0]),
  })).filter(({ key }) => key !== prefix);
  return { folders, objects, next: texts(found, "IsTruncated")[0] === "true" ? texts(found, "NextMarker")[0] ?? "" : "" };
}

/** @param {string} bucket */
export const makeBucket = (bucket) => send(place(bucket), "PUT", undefined, STORAGE, false);

/** @param {string} bucket @param {string} key Ends in `/` */
export const makeFolder = (bucket, key) => put(`/${bucket}/${key}`, new Blob([]));

/** @param {string} path @param {Blob} blob */
export const put = (path, blob) => send(place(path), "PUT", blob, STORAGE, false);

/** @param {string} path */
export const remove = (path) => send(place(path), "DELETE", undefined, STORAGE, false);

/** @param {string} path @returns {Promise<Blob>} */
export const read = async (path) => (await send(place(path), "GET", undefined, STORAGE, false)).blob();

/** @param {string} path @returns {Promise<string>} */
export const readText = async (path) => (await send(place(path), "GET", undefined, STORAGE, false)).text();

/** @param {string} path The command that downloads an object */
export const curlOf = (path) => `curl --globoff -O -H 'x-obs-date: Thu, 01 Jan 1970 00:00:00 GMT' '${String(place(path)).replaceAll("'", "%27")}'`;

/** @param {string} path */
export const obsOf = (path) => `obs:/${path}`;
