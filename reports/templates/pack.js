// Unpacking what the page carries, and small things that all parts use.
"use strict";
const starprobe = {};
(() => {
  starprobe.unpackText = (element) => {
    const bytes = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream();
    return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
  };
  starprobe.unpack = async (element) => JSON.parse(await starprobe.unpackText(element));
  starprobe.byId = (id) => document.getElementById(id);

  // All text of a model, a file or a user goes through these two: never through innerHTML.
  starprobe.element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;
  const code = (found) => `U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  starprobe.visibleString = (text) => text.replace(HIDDEN, (found) => `⟨${code(found)}⟩`);
  // Text with its hidden characters shown as codes: controls, zero widths, direction overrides.
  starprobe.visible = (text) => {
    const parts = document.createDocumentFragment();
    let at = 0;
    for (const found of text.matchAll(HIDDEN)) {
      if (found[0] === "\r" && text[found.index + 1] === "\n") continue;
      parts.append(text.slice(at, found.index));
      parts.append(starprobe.element("span", { class: "ctl", title: "a character that cannot be seen" }, code(found[0])));
      at = found.index + found[0].length;
    }
    parts.append(text.slice(at));
    return parts;
  };

  starprobe.copy = async (text, button) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = starprobe.element("textarea", { "aria-label": "text to copy" });
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    const words = button.textContent;
    button.textContent = done ? "Copied" : "Could not copy";
    setTimeout(() => { button.textContent = words; }, 1500);
  };
  starprobe.save = (text, name, type = "text/csv") => {
    const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const link = starprobe.element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
  // A spreadsheet would run a cell that begins with = + - @: text of that kind gets an apostrophe.
  const tame = (value) => (typeof value === "string" && /^[=+\-@\t\r]/.test(value) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(value) ? `'${value}` : String(value ?? ""));
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  starprobe.csv = (rows) => `\ufeff${rows.map((row) => row.map((cell) => quoted(tame(cell))).join(",")).join("\r\n")}\r\n`;
  starprobe.tsv = (rows) => rows.map((row) => row.map((cell) => tame(cell).replace(/[\t\r\n]+/g, " ")).join("\t")).join("\n");
  starprobe.rename = (text) => text;
  starprobe.onRename = [];
})();
