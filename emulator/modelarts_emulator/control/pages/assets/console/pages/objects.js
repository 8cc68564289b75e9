// Buckets and their objects: browsed, previewed, uploaded, deleted, copied as paths.

import { confirmed, dialog, formDialog } from "../core/dialog.js";
import { button, bytes, count, field, h, show, table, time, turns } from "../core/dom.js";
import { attempt, copyText, note } from "../core/notes.js";
import { buckets, curlOf, list, makeBucket, makeFolder, obsOf, put, read, remove } from "../core/storage.js";

const PICTURES = /\.(png|jpe?g|gif|bmp|webp|svg)$/i;
const SOUNDS = /\.(wav|mp3|ogg|flac)$/i;
const VIDEOS = /\.(mp4|webm)$/i;
const MOST_TEXT = 200_000;

/** @param {HTMLElement} target @param {string[]} place Bucket and folders */
export function objectsPage(target, place) {
  const [bucket = "", ...folders] = place.filter(Boolean);
  const prefix = folders.map((each) => `${each}/`).join("");
  const progress = h("progress.thin", { hidden: true, "aria-label": "uploading" });
  const files = h("input", { type: "file", multiple: true, class: "hidden", tabindex: "-1", "aria-label": "Files", onchange: () => { send([...(files.files ?? [])]); files.value = ""; } });
  const body = h("div.drop-zone", {});
  const turn = turns();
  document.title = `${bucket ? `${bucket}/${prefix}` : "Objects"} – ModelArts emulator`;
  show(target, h("div.bar", {}, h("h1", {}, "Objects"), crumbs(), h("span.spring", {}),
    bucket ? [button("Copy the path", () => copyText(obsOf(`/${bucket}/${prefix}`), "The path is copied."), {}), button("New folder", newFolder), button("Upload", () => files.click(), { class: "main" }), files]
      : button("New bucket", newBucket, { class: "main" })), progress, body);

  function crumbs() {
    if (!bucket) return null;
    return h("nav.crumbs", { "aria-label": "Folders" }, h("a", { href: "#/objects" }, "buckets"), " / ", h("a", { href: linkTo(bucket) }, bucket),
      folders.map((each, number) => [" / ", h("a", { href: linkTo(bucket, folders.slice(0, number + 1).join("/")) }, each)]));
  }

  async function load() {
    const isLatest = turn();
    if (bucket) {
      await loadFolder(isLatest);
      return;
    }
    const found = await attempt(buckets);
    if (!found || !isLatest()) return;
    show(body, found.length ? table(["Bucket", ".Do"], found.map((name) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: linkTo(name) }, name)),
      h("td.actions", {}, button("Copy obs://", () => copyText(`obs://${name}/`, "The path is copied."), { class: "quiet" })))))
      : h("div.empty", {}, h("p", {}, "There are no buckets."), h("p.faint", {}, "A bucket holds the files of datasets."), button("New bucket", newBucket, { class: "main" })));
  }

  /** @param {() => boolean} isLatest */
  async function loadFolder(isLatest) {
    const found = await attempt(() => list(bucket, prefix));
    if (!isLatest()) return;
    if (!found) {
      show(body, h("div.empty", {}, h("p", {}, "This folder cannot be listed."), h("a", { href: "#/objects" }, "To all buckets")));
      return;
    }
    const rows = [...found.folders.map(folderRow), ...found.objects.map(objectRow)];
    const grid = table(["Name", "#Size", "Changed", ".Do"], rows);
    const more = h("div.buttons", {});
    show(body, rows.length ? [grid, more] : h("div.empty", {}, h("p", {}, "This folder is empty."), h("p.faint", {}, "Drop files here."), button("Upload", () => files.click(), { class: "main" })));
    next(found.next);

    /** @param {string} marker */
    function next(marker) {
      show(more, marker ? button("More", async () => {
        const rest = await attempt(() => list(bucket, prefix, marker));
        if (!rest) return;
        grid.tBodies[0].append(...rest.folders.map(folderRow), ...rest.objects.map(objectRow));
        next(rest.next);
      }) : null);
    }
  }

  /** @param {string} folder */
  function folderRow(folder) {
    return h("tr", {}, h("th", { scope: "row" }, h("a", { href: linkTo(bucket, folder) }, `${folder.slice(prefix.length)}`)), h("td"), h("td"),
      h("td.actions", {}, button("Copy obs://", () => copyText(obsOf(`/${bucket}/${folder}`), "The path is copied."), { class: "quiet", "aria-label": `Copy the path of ${folder}` })));
  }

  /** @param {{key: string, size: number, modified: number}} object */
  function objectRow({ key, size, modified }) {
    const name = key.slice(prefix.length);
    const path = `/${bucket}/${key}`;
    return h("tr", {}, h("th", { scope: "row" }, button(name, () => preview(path, name, size), { class: "quiet" })),
      h("td.number", {}, bytes(size)), h("td", {}, time(modified)),
      h("td.actions", {}, button("Copy obs://", () => copyText(obsOf(path), "The path is copied."), { class: "quiet", "aria-label": `Copy the path of ${name}` }),
        button("Copy curl", () => copyText(curlOf(path), "The command is copied."), { class: "quiet", "aria-label": `Copy a curl line for ${name}` }),
        button("Delete", () => forget(path, name), { class: "quiet", "aria-label": `Delete ${name}` })));
  }

  /** @param {string} path @param {string} name */
  async function forget(path, name) {
    if (!(await confirmed(`Delete ${name}?`, "The object is deleted; a sample over it leaves its dataset.", "Delete"))) return;
    if (await attempt(async () => { await remove(path); return true; })) note(`${name} is deleted.`);
    load();
  }

  /** @param {string} path @param {string} name @param {number} size */
  async function preview(path, name, size) {
    const blob = await attempt(() => read(path));
    if (!blob) return;
    const url = URL.createObjectURL(blob);
    const content = PICTURES.test(name) ? h("img.preview", { src: url, alt: name }) : SOUNDS.test(name) ? h("audio", { controls: true, src: url })
      : VIDEOS.test(name) ? h("video.preview", { controls: true, src: url }) : h("pre", { tabindex: "0" }, await textOf(blob));
    const box = dialog(name, () => [
      h("p.faint", {}, `${obsOf(path)}, ${bytes(size)}`), content,
      h("div.buttons", {}, button("Copy obs://", () => copyText(obsOf(path), "The path is copied.")), button("Copy curl", () => copyText(curlOf(path), "The command is copied.")),
        h("a.button", { href: url, download: name }, "Download")),
    ], "wide");
    box.addEventListener("close", () => URL.revokeObjectURL(url));
  }

  function newBucket() {
    const name = h("input", { required: true, pattern: "[a-z0-9][a-z0-9.\\-]{1,61}[a-z0-9]", autocomplete: "off" });
    formDialog("New bucket", "Make", [field("Name", name, "3 to 63 small letters, digits, - and .")], async () => {
      await makeBucket(name.value);
      location.hash = linkTo(name.value);
    });
  }

  function newFolder() {
    const name = h("input", { required: true, autocomplete: "off" });
    formDialog("New folder", "Make", [field("Name", name)], async () => {
      await makeFolder(bucket, `${prefix}${name.value.replace(/\/+$/, "")}/`);
      load();
    });
  }

  /** @param {File[]} chosen */
  async function send(chosen) {
    if (!bucket || !chosen.length) return;
    progress.hidden = false;
    progress.max = chosen.length;
    progress.value = 0;
    let done = 0;
    for (const file of chosen) {
      if (await attempt(async () => { await put(`/${bucket}/${prefix}${file.name}`, file); return true; })) done += 1;
      progress.value += 1;
    }
    progress.hidden = true;
    note(`${count(done)} uploaded.`);
    load();
  }

  body.addEventListener("dragover", (event) => { event.preventDefault(); body.classList.add("over"); });
  body.addEventListener("dragleave", () => body.classList.remove("over"));
  body.addEventListener("drop", (event) => {
    event.preventDefault();
    body.classList.remove("over");
    send([...(event.dataTransfer?.files ?? [])]);
  });
  load();
  return {};
}

/** @param {string} where @param {string} [folder] */
const linkTo = (where, folder = "") => `#/objects/${[where, ...folder.split("/").filter(Boolean)].map(encodeURIComponent).join("/")}`;

/** @param {Blob} blob */
async function textOf(blob) {
  const text = await blob.slice(0, MOST_TEXT).text();
  const isText = [...text.slice(0, 4000)].every((character) => character >= " " || "\t\r\n\f".includes(character));
  if (!isText) return "This is not a text: download it.";
  return blob.size > MOST_TEXT ? `${text}\n… ${bytes(blob.size - MOST_TEXT)} more` : text;
}
