"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const CODES = { 0: "0", n: "n", "+": "r+", "=": "r+", "-": "r-", "~": "r~" };
  const WORDS = { 0: "not mentioned", n: "named, no reason", "r+": "reason for", "r-": "reason against", "r~": "reason, no side" };
  const PLACES = "123456789abcdefghijkl";
  const OUTCOMES = { n: "no_answer", r: "refused", c: "cut" };
  const ids = new Set(data.rows.map((row) => row.id));
  const done = new Map(load());
  let order = data.rows.map((row, place) => place);
  let now = next();
  let keys = [];
  let revising = false;
  let comparing = null;
  let trail = [];

  // Where a browser keeps nothing for files, the download is all there is.
  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(data.key) || "[]");
      return kept.filter((row) => ids.has(row.id)).map((row) => [row.id, row]);
    } catch { return []; }
  }
  function keep() {
    try { localStorage.setItem(data.key, JSON.stringify([...done.values()])); } catch { /* see load */ }
  }
  function next() {
    const found = order.find((place) => !done.has(data.rows[place].id));
    return found === undefined ? null : found;
  }

  function step(row) {
    if (data.task) return { text: data.task.asks, choices: data.task.choices };
    const labels = row.options.map((option) => option.label);
    const n = labels.length;
    if (keys.length < n) {
      const option = row.options[keys.length];
      return { text: `${option.label} ${option.text}`, choices: [["0", "nothing"], ["n", "named"], ["+", "for"], ["-", "against"], ["~", "neutral"]] };
    }
    if (keys.length === n) {
      return { text: "Which answer does it give?", choices: [...labels.map((label, i) => [PLACES[i], label]), ["0", "none"], ["m", "more than one"]] };
    }
    if (keys.length === n + 1) {
      if (keys[n] !== "0") { keys.push(""); return step(row); }
      return { text: "Why none?", choices: [["n", "no answer"], ["r", "refused"], ["c", "cut short"]] };
    }
    return { text: "Is there reasoning that is about no single option?", choices: [["y", "yes"], ["n", "no"]] };
  }

  function annotation(row) {
    if (data.task) return { id: row.id, choice: new Map(data.task.choices).get(keys[0]), revised: revising };
    const labels = row.options.map((option) => option.label);
    const n = labels.length;
    const options = {};
    labels.forEach((label, i) => { options[label] = CODES[keys[i]]; });
    const key = keys[n];
    return {
      id: row.id,
      options,
      general: keys[n + 2] === "y",
      answer: key === "m" ? "multi" : key === "0" ? null : labels[PLACES.indexOf(key)],
      outcome: key === "m" ? "multi" : key === "0" ? OUTCOMES[keys[n + 1]] : "answered",
      revised: revising,
    };
  }

  function press(key) {
    if (key === "?") return help();
    if (key === "q") return save();
    if (now === null) { if (key === "u") undo(); return; }
    const row = data.rows[now];
    if (comparing) {
      if (key === "Enter" || key === " ") return accept(comparing);
      if (key === "e" || key === "u") { revising = true; keys = []; comparing = null; return show(); }
      return;
    }
    if (key === "u") return undo();
    if (key === "s") { order = order.filter((place) => place !== now).concat(now); keys = []; revising = false; now = next(); return show(); }
    const allowed = step(row).choices.map((choice) => choice[0]);
    if (key === "=" && allowed.includes("+")) key = "+";
    if (!allowed.includes(key)) return;
    keys.push(key);
    if (keys.length < (data.task ? 1 : row.options.length + 3)) return show();
    const found = annotation(row);
    if (!row.reader || revising) return accept(found);
    comparing = found;
    // Kept at once: what is changed after the reader's words are shown replaces it.
    done.set(found.id, found);
    keep();
    show();
  }

  function accept(found) {
    done.set(found.id, found);
    trail.push(now);
    keys = []; revising = false; comparing = null;
    keep();
    now = next();
    show();
  }

  function undo() {
    while (keys.length && keys[keys.length - 1] === "") keys.pop();
    if (keys.length) { keys.pop(); return show(); }
    if (!trail.length) return;
    const place = trail.pop();
    const before = done.get(data.rows[place].id);
    done.delete(data.rows[place].id);
    // The evidence has been seen, so what is entered now is a revision.
    revising = Boolean(before && data.rows[place].reader);
    order = [place, ...order.filter((other) => other !== place)];
    now = place;
    keep();
    show();
  }

  function help() {
    const shown = at("guideline").hidden;
    at("guideline").hidden = !shown;
    at("help").setAttribute("aria-expanded", String(shown));
    if (shown) at("guideline").focus();
  }

  function save() {
    const lines = data.rows.filter((row) => done.has(row.id)).map((row) => JSON.stringify(done.get(row.id)));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "application/jsonl" }));
    link.download = `labels.${data.name}.jsonl`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    at("progress").textContent = `${lines.length} of ${data.rows.length} labelled; saved as ${link.download}`;
  }

  function make(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function marked(text, spans) {
    // Spans count characters, JavaScript counts UTF-16 units.
    const characters = Array.from(text);
    const inside = new Array(characters.length).fill(false);
    for (const [start, end] of spans) for (let i = start; i < end && i < inside.length; i++) inside[i] = true;
    const parts = [];
    for (let i = 0; i < characters.length;) {
      let j = i;
      while (j < characters.length && inside[j] === inside[i]) j++;
      const piece = characters.slice(i, j).join("");
      parts.push(inside[i] ? make("mark", piece) : document.createTextNode(piece));
      i = j;
    }
    return parts;
  }

  function show() {
    at("progress").textContent = `${done.size} of ${data.rows.length} labelled`;
    document.body.dataset.done = String(done.size);
    at("task").hidden = now === null;
    at("end").hidden = now !== null;
    at("command").textContent = `${data.command} labels.${data.name}.jsonl`;
    if (now === null) return;
    const row = data.rows[now];
    at("question").textContent = row.question;
    at("options").replaceChildren(...row.options.map((option, i) => {
      const line = make("li");
      line.append(make("b", option.label), option.text);
      if (data.task) return line;
      const code = comparing ? comparing.options[option.label] : CODES[keys[i]];
      if (code !== undefined) line.append(make("span", WORDS[code], "code"));
      if (comparing && row.reader.options[option.label] !== code) line.append(make("span", `reader: ${WORDS[row.reader.options[option.label]]}`, "code"));
      if (!comparing && i === keys.length) line.className = "now";
      return line;
    }));
    const spans = comparing && !data.task ? Object.values(row.reader.spans).flat() : [];
    at("response").replaceChildren(...marked(row.response, spans));
    const asked = comparing
      ? { text: compare(row), choices: [["Enter", "keep mine"], ["e", "enter it again"]] }
      : step(row);
    at("asked").textContent = asked.text;
    at("choices").replaceChildren(...asked.choices.map(([key, says]) => {
      const button = make("button");
      button.type = "button";
      button.append(make("kbd", key), ` ${says}`);
      button.addEventListener("click", () => press(key));
      return button;
    }));
    document.body.dataset.step = `${now}:${comparing ? "compare" : keys.length}`;
  }

  function compare(row) {
    if (data.task) return `You: ${comparing.choice}; the machine: ${row.reader.said}.`;
    const other = Object.keys(row.reader.options).filter((label) => row.reader.options[label] !== comparing.options[label]);
    const answers = row.reader.answer === comparing.answer ? "" : `; answer: the reader ${row.reader.answer || "none"}`;
    if (!other.length && !answers) return "The reader says the same; its words are marked.";
    return `The reader differs on ${other.length ? `option ${other.join(", ")}` : "the answer"}${answers}; its words are marked.`;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
    if (event.target.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const key = event.key;
    if (key.length > 1 && key !== "Enter") return;
    if (key === " " && event.target === at("response") && !comparing) return;
    event.preventDefault();
    press(key);
  });
  at("help").addEventListener("click", help);
  at("undo").addEventListener("click", () => press("u"));
  at("skip").addEventListener("click", () => press("s"));
  at("save").addEventListener("click", save);
  at("load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    let count = 0;
    for (const line of (await file.text()).split("\n")) {
      try {
        const row = JSON.parse(line);
        if (ids.has(row.id) && !done.has(row.id)) { done.set(row.id, row); count++; }
      } catch { /* an empty or broken line is no label; taking the file in names it */ }
    }
    keys = []; comparing = null; revising = false;
    keep();
    now = next();
    show();
    at("progress").textContent += `; ${count} taken from ${file.name}`;
  });
  window.addEventListener("beforeunload", (event) => { if (keys.length) event.preventDefault(); });
  show();
})();
