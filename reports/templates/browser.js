// The browser of responses: filters over a small index, a list that draws only what is seen, texts
// unpacked a chunk at a time, evidence marked in the colour of its option.
(() => {
  const { byId, element, visible } = starprobe;
  const list = byId("list");
  if (!list) return;
  const room = list.firstElementChild;
  const detail = byId("detail");
  const ROW = 64;
  const SHOWN_TEXT = 20000;
  const STYLE_WORDS = { option_by_option: "every option", partial: "some options", chosen_only: "its choice only", general_reasoning: "reasons, no option", direct: "no reason" };
  const OUTCOME_WORDS = { answered: "answered", no_answer: "no answer", refused: "refused", multi: "several answers", cut: "cut short" };
  const CORRECT_WORDS = ["wrong", "right", "not scored"];
  const CHANGE_WORDS = ["lost: right, then not", "gained: not right, then right", "right both times", "right neither time"];
  const SIDES = ["", "+", "−", "~"];
  const SIDE_WORDS = ["", "a reason for", "a reason against", "a reason, no side"];
  let index = null;
  let rows = null;
  let shown = new Uint32Array(0);
  let filtered = new Uint32Array(0);
  let folded = new Map();
  let chosen = -1;
  let scope = "models";
  let fresh = 0;
  const wanted = {};
  const chunks = new Map();
  const chunkElements = document.getElementsByClassName("chunk");

  const colour = (place) => `var(--o${place % 10})`;
  const styleColour = (row) => `--style: var(--${index.styles[rows.style[row]].replaceAll("_", "-")})`;
  const modelName = (row) => starprobe.visibleString(starprobe.rename(index.models[rows.model[row]]));

  const chunkOf = (number) => {
    let found = chunks.get(number);
    if (found) chunks.delete(number);
    else found = starprobe.unpack(chunkElements[number]);
    chunks.set(number, found);
    if (chunks.size > 24) chunks.delete(chunks.keys().next().value);
    return found;
  };
  const read = async (row) => {
    const chunk = await chunkOf(Math.floor(row / index.chunk));
    const [prompt, id, text, reasoning, answer, treatments, finish, tokens, seconds] = chunk.rows[row % index.chunk];
    const [labels, messages, plain, hinted] = chunk.prompts[prompt];
    return { row, id, text, reasoning, answer, treatments, finish, tokens, seconds, labels, messages, plain, hinted };
  };

  // ---- filters -----------------------------------------------------------------------------
  const FILTERS = {
    set: () => index.sets.map((name) => [name, starprobe.visibleString(name)]),
    model: () => index.models.map((name) => [name, starprobe.visibleString(starprobe.rename(name))]),
    condition: () => index.conditions.map((name) => [name, starprobe.visibleString(name)]),
    style: () => index.styles.map((name) => [name, STYLE_WORDS[name]]),
    outcome: () => index.outcomes.map((name) => [name, OUTCOME_WORDS[name]]),
    correct: () => CORRECT_WORDS.map((name) => [name, name]),
    before: () => index.styles.map((name) => [name, STYLE_WORDS[name]]),
    after: () => index.styles.map((name) => [name, STYLE_WORDS[name]]),
    change: () => CHANGE_WORDS.map((words) => [words.split(":")[0], words]),
  };
  // What is unsure of a response, 0 to 100; -1 where nothing is known of it.
  const DOUBTS = {
    disagree: (row) => rows.disagree[row],
    unsure: (row) => (rows.p[row] < 0 ? -1 : 100 - Math.abs(2 * rows.p[row] - 100)),
  };
  const fill = () => {
    for (const [filter, values] of Object.entries(FILTERS)) {
      const select = byId(`f-${filter}`);
      const there = new Set(rows[filter]);
      select.parentElement.hidden = filter in { set: 1, before: 1, after: 1, change: 1 } && [...there].filter((value) => value >= 0).length < 2;
      select.replaceChildren(element("option", { value: "" }, "all"));
      values().forEach(([value, words], place) => {
        if (there.has(place)) select.append(element("option", { value }, words));
      });
      select.value = wanted[filter] ?? "";
    }
  };
  const matchesQuestion = (words) => {
    const match = new Uint8Array(index.questions.length);
    index.questions.forEach(([id, stem, options], place) => {
      const text = `${id}\n${stem}\n${options.join("\n")}`.toLowerCase();
      match[place] = words.every((word) => text.includes(word)) ? 1 : 0;
    });
    return match;
  };
  const matchesInside = async (words, turn) => {
    const match = new Uint8Array(rows.model.length);
    for (let number = 0; number < chunkElements.length; number++) {
      const chunk = await starprobe.unpack(chunkElements[number]);
      if (turn !== fresh) return null;
      chunk.rows.forEach(([, , text, reasoning], place) => {
        const all = `${reasoning ?? ""}\n${text}`.toLowerCase();
        match[number * index.chunk + place] = words.every((word) => all.includes(word)) ? 1 : 0;
      });
      if (number % 8 === 7) byId("count").textContent = `Looking inside the responses: ${Math.round((100 * (number + 1)) / chunkElements.length)} %`;
    }
    return match;
  };
  const apply = async (keep = false) => {
    const turn = ++fresh;
    const words = (wanted.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const questions = words.length ? matchesQuestion(words) : null;
    const inside = words.length && byId("f-inside").checked ? await matchesInside(words, turn) : null;
    if (turn !== fresh) return;
    const tests = [];
    for (const [filter, values] of Object.entries(FILTERS)) {
      if (wanted[filter]) tests.push([rows[filter], values().findIndex(([value]) => value === wanted[filter])]);
    }
    if (wanted.question) tests.push([rows.question, index.questions.findIndex(([id]) => id === wanted.question)]);
    const count = rows.model.length;
    const found = new Uint32Array(count);
    let length = 0;
    next: for (let row = 0; row < count; row++) {
      for (const [column, value] of tests) if (column[row] !== value) continue next;
      if (questions && !questions[rows.question[row]] && !(inside && inside[row])) continue;
      found[length++] = row;
    }
    filtered = found.slice(0, length);
    const doubt = DOUBTS[byId("f-sort").value];
    if (doubt) filtered.sort((a, b) => doubt(b) - doubt(a) || a - b);
    fold();
    room.style.height = `${shown.length * ROW}px`;
    const questionsShown = new Set();
    for (const row of filtered) questionsShown.add(rows.question[row]);
    byId("count").textContent = `${length.toLocaleString("en")} of ${count.toLocaleString("en")} responses, ${questionsShown.size.toLocaleString("en")} questions${wanted.question ? ` (only question ${starprobe.visibleString(wanted.question)})` : ""}`;
    if (!keep || placeOf(chosen) < 0) {
      list.scrollTop = 0;
      drawRows();
      if (length) await choose(shown[0], { quiet: true });
      else nothing();
    } else {
      drawRows();
      reach(placeOf(chosen));
    }
    byId("save-responses").disabled = !length;
    document.body.dataset.filtered = String(turn);
  };
  // Orders and repeats of one question, model and condition share a row of the list.
  const fold = () => {
    folded = new Map();
    if (!byId("f-fold").checked) {
      shown = filtered;
      return;
    }
    const firsts = new Map();
    for (const row of filtered) {
      const key = `${rows.question[row]} ${rows.model[row]} ${rows.condition[row]}`;
      if (!firsts.has(key)) firsts.set(key, row);
      const first = firsts.get(key);
      if (folded.has(first)) folded.get(first).push(row);
      else folded.set(first, [row]);
    }
    shown = Uint32Array.from(folded.keys());
  };
  const placeOf = (row) => {
    const place = shown.indexOf(row);
    if (place >= 0 || !folded.size) return place;
    for (const [first, group] of folded) if (group.includes(row)) return shown.indexOf(first);
    return -1;
  };
  const nothing = () => {
    chosen = -1;
    list.removeAttribute("aria-activedescendant");
    detail.replaceChildren(element("p", { class: "note" }, "No response fits these filters. Clear one of them."));
  };

  // ---- the list: only the rows in sight exist -------------------------------------------------
  const drawRows = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 4);
    const made = [];
    for (let place = first; place < last; place++) made.push(drawRow(place));
    room.replaceChildren(...made);
  };
  const drawRow = (place) => {
    const row = shown[place];
    const stem = index.questions[rows.question[row]][1];
    const right = rows.correct[row];
    const mark = right === 2 ? OUTCOME_WORDS[index.outcomes[rows.outcome[row]]] : CORRECT_WORDS[right];
    const group = folded.get(row) ?? [row];
    const meta = [modelName(row), starprobe.visibleString(index.conditions[rows.condition[row]])];
    if (group.length > 1) meta.push(`${group.length} responses: ${counted(group)}`);
    else {
      meta.push(STYLE_WORDS[index.styles[rows.style[row]]], mark);
      if (rows.order[row]) meta.push(`order ${rows.order[row]}`);
      if (rows.repeat[row]) meta.push(`repeat ${rows.repeat[row]}`);
    }
    const doubt = DOUBTS[byId("f-sort").value];
    if (doubt) meta.push(doubtWords(row));
    const made = element("div", {
      class: "row", role: "option", id: `row-${row}`, "aria-selected": String(placeOf(chosen) === place), "aria-setsize": shown.length,
      "aria-posinset": place + 1, style: `top:${place * ROW}px;${styleColour(row)}`, "data-row": row,
    });
    made.append(element("div", {}, starprobe.visibleString(stem.slice(0, 160))), element("div", { class: "meta" }, meta.join(" · ")));
    return made;
  };
  const counted = (group) => {
    const counts = new Map();
    for (const row of group) counts.set(rows.style[row], (counts.get(rows.style[row]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).map(([style, count]) => `${STYLE_WORDS[index.styles[style]]} ${count}`).join(", ");
  };
  const doubtWords = (row) => {
    if (byId("f-sort").value === "disagree") return rows.disagree[row] < 0 ? "one reader" : `readers differ on ${rows.disagree[row]} % of the options`;
    return rows.p[row] < 0 ? "no probability" : `every option: ${rows.p[row]} % likely`;
  };
  const reach = (place) => {
    const top = place * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    drawRows();
  };
  list.addEventListener("scroll", drawRows, { passive: true });
  addEventListener("resize", drawRows);
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const first = Number(row.dataset.row);
    if ((folded.get(first)?.length ?? 1) > 1) scope = "orders";
    else if (scope === "orders" && folded.size) scope = firstScope();
    choose(first);
  });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "Enter") detail.focus();
    else if (event.key in moves && shown.length) {
      const place = Math.max(0, Math.min(shown.length - 1, placeOf(chosen) + moves[event.key]));
      choose(shown[place]);
      reach(place);
    } else return;
    event.preventDefault();
  });

  // ---- one response, and others beside it ------------------------------------------------------
  const SCOPES = {
    one: ["this response alone", () => false],
    models: ["every model, asked the same way", (a, b) => rows.condition[a] === rows.condition[b] && rows.order[a] === rows.order[b] && rows.repeat[a] === rows.repeat[b]],
    conditions: ["this model, every condition", (a, b) => rows.model[a] === rows.model[b] && rows.order[a] === rows.order[b] && rows.repeat[a] === rows.repeat[b]],
    orders: ["this model, every order and repeat", (a, b) => rows.model[a] === rows.model[b] && rows.condition[a] === rows.condition[b]],
    all: ["every response to this question", () => true],
  };
  const beside = (row) => {
    // Answers to one question stand together in the index.
    let first = row;
    let last = row;
    while (first > 0 && rows.question[first - 1] === rows.question[row]) first--;
    while (last + 1 < rows.question.length && rows.question[last + 1] === rows.question[row]) last++;
    const test = SCOPES[scope][1];
    const found = [];
    for (let other = first; other <= last; other++) if (other === row || test(other, row)) found.push(other);
    return found;
  };
  const choose = async (row, { quiet = false } = {}) => {
    chosen = row;
    const place = placeOf(row);
    list.setAttribute("aria-activedescendant", `row-${place < 0 ? row : shown[place]}`);
    drawRows();
    if (!quiet) remember();
    const others = beside(row);
    const around = others.indexOf(row);
    const from = Math.max(0, Math.min(around - 5, others.length - 12));
    const group = others.slice(from, from + 12);
    const answers = await Promise.all(group.map(read));
    if (chosen !== row) return;
    const difference = byId("difference")?.checked ?? false;
    detail.replaceChildren(...page(row, answers, others.length, difference));
    document.body.dataset.chosen = String(row);
  };
  const page = (row, answers, count, difference) => {
    const [id, stem, options, key] = index.questions[rows.question[row]];
    const here = answers.find((answer) => answer.row === row);
    const parts = [element("p", { class: "stem" }, visible(stem)), where(row, id, answers, count, difference)];
    parts.push(matrix(row, answers, options, key));
    const cards = element("div", { class: "cards" });
    const pair = difference && answers.length === 2 ? changes(answers[0], answers[1]) : null;
    answers.forEach((answer, place) => cards.append(card(answer, row, options, key, pair?.[place] ?? [], place)));
    parts.push(cards);
    if (here.hinted >= 0) parts.splice(2, 0, element("p", { class: "where" }, "The prompt presents ", element("b", {}, visible(options[here.hinted])), " as right."));
    return parts;
  };
  const where = (row, id, answers, count, difference) => {
    const select = element("select", { id: "scope", "aria-label": "Show side by side" });
    for (const [value, [words]] of Object.entries(SCOPES)) select.append(element("option", { value, selected: value === scope }, words));
    select.addEventListener("change", () => {
      scope = select.value;
      choose(chosen).then(() => byId("scope")?.focus());
    });
    const line = element("div", { class: "where" }, element("span", {}, "question ", element("b", {}, visible(id))), select);
    if (answers.length < count) line.append(element("span", {}, `${answers.length} of ${count} shown`));
    if (answers.length === 2) {
      const box = element("input", { type: "checkbox", id: "difference", checked: difference });
      box.addEventListener("change", () => choose(chosen).then(() => byId("difference")?.focus()));
      line.append(element("span", { class: "check" }, box, element("label", { for: "difference" }, "mark the words that differ")));
    }
    return line;
  };
  const labelOf = (answer, place) => answer.labels.find(([, option]) => option === place)?.[0] ?? "?";
  const matrix = (row, answers, options, key) => {
    const head = element("tr", {}, element("th", { scope: "col" }, "option"));
    for (const answer of answers) head.append(element("th", { scope: "col", class: "model", title: modelName(answer.row) }, modelName(answer.row)));
    const body = element("tbody");
    options.forEach((text, place) => {
      const line = element("tr", {});
      const label = labelOf(answers.find((answer) => answer.row === row), place);
      const name = element("th", { scope: "row" }, element("span", { class: "swatch", style: `--c:${colour(place)}`, "aria-hidden": "true" }), `${starprobe.visibleString(label)}. `, visible(text));
      if (place === key) name.append(element("span", { class: "right" }, " ✓ right answer"));
      line.append(name);
      for (const answer of answers) line.append(treatmentCell(answer, place, key));
      body.append(line);
    });
    const table = element("table", { class: "matrix" }, element("caption", {}, "How each option is treated"), element("thead", {}, head), body);
    return element("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "How each option is treated" }, table);
  };
  const treatmentCell = (answer, place, key) => {
    const [, code, side] = answer.treatments.find(([option]) => option === place) ?? [place, 0, 0];
    const words = code === 2 ? { 1: ["for", "+ for"], 2: ["against", "− against"], 3: ["", "~ neutral"] }[side] ?? ["", "reasoned"] : code === 1 ? ["quiet", "named only"] : ["quiet", "–"];
    const cell = element("td", {}, element("span", { class: words[0] }, words[1]));
    if (answer.answer === place) cell.append(element("b", { class: key < 0 ? null : place === key ? "right" : "wrong" }, " ◉ answer"));
    return cell;
  };
  const card = (answer, here, options, key, marks, place) => {
    const row = answer.row;
    const style = index.styles[rows.style[row]];
    const title = element("h4", {}, modelName(row));
    const facts = [starprobe.visibleString(index.conditions[rows.condition[row]])];
    if (rows.order[row]) facts.push(`order ${rows.order[row]}`);
    if (rows.repeat[row]) facts.push(`repeat ${rows.repeat[row]}`);
    if (rows.coverage[row] >= 0) facts.push(`coverage ${rows.coverage[row]} %`);
    if (answer.tokens !== null) facts.push(`${answer.tokens} tokens`);
    if (answer.seconds !== null) facts.push(`${answer.seconds} s`);
    if (rows.p[row] >= 0) facts.push(`every option: ${rows.p[row]} % likely`);
    if (rows.disagree[row] > 0) facts.push(`readers differ on ${rows.disagree[row]} % of the options`);
    if (answer.finish === "length") facts.push("stopped at the limit of tokens");
    const meta = element("div", { class: "meta" }, element("span", { class: "chip" }, STYLE_WORDS[style]), ` ${facts.join(" · ")} `, verdictOf(answer, key));
    const made = element("article", { class: row === here ? "answer-card here" : "answer-card", style: styleColour(row), "aria-label": `${modelName(row)}: ${STYLE_WORDS[style]}` }, title, meta);
    const offset = answer.reasoning ? answer.reasoning.length + 2 : 0;
    const spans = spansOf(answer);
    if (answer.reasoning) made.append(element("div", { class: "reasoning" }, element("b", {}, "Reasoning"), said(answer, answer.reasoning, 0, spans, [], options)));
    made.append(answer.text ? said(answer, answer.text, offset, spans, marks, options, place) : element("p", { class: "quiet" }, "(no text)"));
    made.append(promptOf(answer));
    return made;
  };
  const verdictOf = (answer, key) => {
    const outcome = index.outcomes[rows.outcome[answer.row]];
    if (answer.answer < 0) return element("span", { class: "chip" }, OUTCOME_WORDS[outcome]);
    const words = `answers ${starprobe.visibleString(labelOf(answer, answer.answer))}`;
    if (key < 0) return element("span", { class: "chip" }, words);
    return element("span", { class: answer.answer === key ? "chip right" : "chip wrong" }, `${words} ${answer.answer === key ? "✓ right" : "✗ wrong"}`);
  };
  const promptOf = (answer) => {
    const place = element("details", { class: "prompt" }, element("summary", {}, "Prompt"));
    place.addEventListener("toggle", () => {
      if (!place.open || place.children.length > 1) return;
      for (const [role, content] of answer.messages) place.append(element("b", {}, role), element("pre", {}, visible(content)));
      place.append(element("b", {}, "as plain text, for base models"), element("pre", {}, visible(answer.plain)));
    });
    return place;
  };

  // ---- evidence in the text --------------------------------------------------------------------
  const spansOf = (answer) => {
    const spans = [];
    for (const [option, code, side, ...ends] of answer.treatments) {
      for (let at = 0; at + 1 < ends.length; at += 2) spans.push({ option, reasoned: code === 2, side, start: ends[at], end: ends[at + 1] });
    }
    return spans.sort((a, b) => a.start - b.start || a.end - b.end);
  };
  const said = (answer, text, offset, spans, marks, options, place = 0) => {
    const made = element("div", { class: "said", dir: "auto" });
    const cut = text.length > SHOWN_TEXT;
    evidence(made, answer, cut ? text.slice(0, SHOWN_TEXT) : text, offset, spans, marks, options, place);
    if (!cut) return made;
    const button = element("button", { type: "button" }, `Show all ${text.length.toLocaleString("en")} characters`);
    button.addEventListener("click", () => {
      made.replaceChildren();
      evidence(made, answer, text, offset, spans, marks, options, place);
    });
    made.append(" … ", button);
    return made;
  };
  const evidence = (made, answer, text, offset, spans, marks, options, place) => {
    const inside = spans.map((span) => ({ ...span, start: span.start - offset, end: span.end - offset })).filter((span) => span.end > 0 && span.start < text.length && span.end > span.start);
    const cuts = new Set([0, text.length]);
    for (const part of [...inside, ...marks]) {
      cuts.add(Math.max(0, Math.min(text.length, part.start)));
      cuts.add(Math.max(0, Math.min(text.length, part.end)));
    }
    const bounds = [...cuts].sort((a, b) => a - b);
    for (let at = 0; at + 1 < bounds.length; at++) {
      const [start, end] = [bounds[at], bounds[at + 1]];
      const here = inside.filter((span) => span.start <= start && span.end >= end);
      for (const span of here) if (span.reasoned && Math.max(0, span.start) === start) made.append(sideMark(answer, span, options));
      let part = visible(text.slice(start, end));
      if (marks.some((mark) => mark.start <= start && mark.end >= end)) part = element(place ? "ins" : "del", { class: "new" }, part);
      if (!here.length) made.append(part);
      else {
        const names = here.map((span) => starprobe.visibleString(options[span.option])).join("; ");
        const kind = here.length > 1 ? "two" : here[0].reasoned ? "one" : "named";
        const second = here.length > 1 ? `;--d:${colour(here[1].option)}` : "";
        made.append(element("mark", { class: kind, style: `--c:${colour(here[0].option)}${second}`, title: names }, part));
      }
    }
  };
  const sideMark = (answer, span, options) => element("span", {
    class: "side", style: `--c:${colour(span.option)}`, role: "img",
    "aria-label": `${SIDE_WORDS[span.side] || "evidence about"} ${starprobe.visibleString(options[span.option])}: `,
  }, `${starprobe.visibleString(labelOf(answer, span.option))}${SIDES[span.side]}`);

  // Words of one text that are not in the other, in order (longest common subsequence).
  const changes = (before, after) => {
    const words = (text) => [...text.slice(0, 12000).matchAll(/\S+/g)].map((found) => ({ word: found[0], start: found.index, end: found.index + found[0].length }));
    const [a, b] = [words(before.text), words(after.text)];
    const width = b.length + 1;
    const table = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        table[i * width + j] = a[i].word === b[j].word ? table[(i + 1) * width + j + 1] + 1 : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
      }
    }
    const gone = [];
    const come = [];
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i].word === b[j].word) [i, j] = [i + 1, j + 1];
      else if (j >= b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) gone.push(a[i++]);
      else come.push(b[j++]);
    }
    return [joined(gone), joined(come)];
  };
  const joined = (words) => words.reduce((runs, { start, end }) => {
    const last = runs[runs.length - 1];
    if (last && start - last.end <= 1) last.end = end;
    else runs.push({ start, end });
    return runs;
  }, []);

  // ---- the address ------------------------------------------------------------------------------
  const KEYS = ["q", "question", "set", "model", "condition", "style", "outcome", "correct", "before", "after", "change"];
  const remember = () => {
    const hash = new URLSearchParams();
    for (const name of KEYS) if (wanted[name] && name !== "question") hash.set(name, wanted[name]);
    if (chosen >= 0) {
      hash.set("question", index.questions[rows.question[chosen]][0]);
      const others = beside(chosen);
      hash.set("model", index.models[rows.model[chosen]]);
      hash.set("condition", index.conditions[rows.condition[chosen]]);
      if (rows.order[chosen]) hash.set("order", rows.order[chosen]);
      if (rows.repeat[chosen]) hash.set("repeat", rows.repeat[chosen]);
      for (const name of ["q", "set", "style", "outcome", "correct", "before", "after", "change"]) hash.delete(name);
      if (others.length > 1 && scope !== "models") hash.set("beside", scope);
    }
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch {
      // Some browsers refuse it for files; the page works without.
    }
  };
  const arrive = async (jump) => {
    if (!location.hash.includes("=")) return false;
    const hash = new URLSearchParams(location.hash.slice(1));
    const exact = hash.has("question") && hash.has("model") && hash.has("condition");
    for (const name of KEYS) delete wanted[name];
    if (SCOPES[hash.get("beside")]) scope = hash.get("beside");
    for (const name of KEYS) if (hash.get(name) && !(exact && name !== "q")) wanted[name] = hash.get(name);
    showFilters();
    await apply();
    if (exact) {
      const at = (name, column, values) => [rows[column], values.indexOf(hash.get(name))];
      const tests = [at("question", "question", index.questions.map(([id]) => id)), at("model", "model", index.models), at("condition", "condition", index.conditions), [rows.order, Number(hash.get("order") ?? 0)], [rows.repeat, Number(hash.get("repeat") ?? 0)]];
      const row = rows.model.findIndex((_, place) => tests.every(([column, value]) => column[place] === value));
      if (row >= 0) {
        await choose(row, { quiet: true });
        reach(Math.max(0, placeOf(row)));
      } else nothing();
    }
    if (jump) byId("responses").scrollIntoView();
    return true;
  };
  const showFilters = () => {
    byId("f-search").value = wanted.q ?? "";
    for (const filter of Object.keys(FILTERS)) byId(`f-${filter}`).value = wanted[filter] ?? "";
  };
  starprobe.browse = (filters) => {
    for (const name of KEYS) delete wanted[name];
    const clean = (name) => starprobe.visibleString(starprobe.rename(name));
    const styles = Object.fromEntries(Object.entries(STYLE_WORDS).map(([style, words]) => [words, style]));
    for (const [name, value] of Object.entries(filters)) {
      const found = name === "model" ? index.models.find((model) => clean(model) === value || model === value)
        : name === "condition" ? index.conditions.find((condition) => clean(condition) === value)
          : name === "style" ? styles[value] ?? (value in STYLE_WORDS ? value : undefined)
            : value;
      if (found) wanted[name] = found;
    }
    showFilters();
    apply().then(() => { remember(); byId("responses").scrollIntoView(); list.focus({ preventScroll: true }); });
  };

  // ---- start -------------------------------------------------------------------------------------
  let pause = 0;
  byId("f-search").addEventListener("input", (event) => {
    wanted.q = event.target.value;
    clearTimeout(pause);
    pause = setTimeout(() => apply(), byId("f-inside").checked ? 400 : 60);
  });
  byId("f-inside").addEventListener("change", () => apply());
  for (const id of ["f-sort", "f-fold"]) byId(id).addEventListener("change", () => apply());
  byId("filters").addEventListener("change", (event) => {
    const filter = event.target.dataset.filter;
    if (!filter) return;
    wanted[filter] = event.target.value;
    delete wanted.question;
    apply();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => {
    for (const name of KEYS) delete wanted[name];
    setTimeout(() => apply(), 0);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && (typing || detail.contains(event.target))) list.focus();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      byId("f-search").focus();
    }
    if (event.key === "p" && (detail.contains(event.target) || event.target === list)) {
      const open = [...detail.querySelectorAll("details.prompt")];
      const all = open.every((place) => place.open);
      open.forEach((place) => { place.open = !all; });
    }
  });
  addEventListener("hashchange", () => arrive(true));
  starprobe.onRename.push(() => {
    fill();
    drawRows();
    if (chosen >= 0) choose(chosen, { quiet: true });
  });
  const firstScope = () => (index.models.length > 1 ? "models" : index.conditions.length > 1 ? "conditions" : "one");
  const options = () => {
    const sort = byId("f-sort");
    for (const [name, column] of [["disagree", "disagree"], ["unsure", "p"]]) {
      if (!rows[column].some((value) => value >= 0)) sort.querySelector(`[value=${name}]`).remove();
    }
    sort.parentElement.hidden = sort.options.length < 2;
    const several = rows.order.some((value) => value > 0) || rows.repeat.some((value) => value > 0);
    byId("fold").hidden = !several;
    byId("f-fold").checked = several;
  };
  // The responses shown, a line each, as `starprobe import` and `starprobe classify` take them.
  const line = (answer) => {
    const { row } = answer;
    const [id, stem, texts, key] = index.questions[rows.question[row]];
    const label = (place) => labelOf(answer, place);
    const treated = answer.treatments.map(([place, code, side]) => [label(place), { treatment: ["none", "named", "reasoned"][code], side: [null, "for", "against", "neutral"][side] }]);
    return {
      id: answer.id, model: starprobe.rename(index.models[rows.model[row]]), question_id: id, question: stem,
      options: answer.labels.map(([name, place]) => ({ label: name, text: texts[place] })), answer: key < 0 ? null : label(key),
      response: answer.text, ...(answer.reasoning ? { reasoning: answer.reasoning } : {}),
      condition: index.conditions[rows.condition[row]], order: rows.order[row], repeat: rows.repeat[row], finish_reason: answer.finish,
      verdict: {
        style: index.styles[rows.style[row]], outcome: index.outcomes[rows.outcome[row]], options: Object.fromEntries(treated),
        answer: answer.answer >= 0 ? label(answer.answer) : answer.answer === -2 ? "multi" : null,
      },
    };
  };
  byId("save-responses").addEventListener("click", async () => {
    const lines = [];
    for (const row of [...filtered].sort((a, b) => a - b)) lines.push(JSON.stringify(line(await read(row))));
    starprobe.save(`${lines.join("\n")}\n`, "responses.jsonl", "application/jsonl");
  });
  const start = async () => {
    index = await starprobe.unpack(byId("response-index"));
    rows = Object.fromEntries(Object.entries(index.rows).map(([name, values]) => [name, Int32Array.from(values)]));
    scope = firstScope();
    options();
    fill();
    if (!(await arrive(true))) await apply();
    document.body.dataset.browser = "ready";
  };
  start();
})();
