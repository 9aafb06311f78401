// Draws the figures once plotly is unpacked, recolours them, and hands out the numbers behind them.
(() => {
  const { byId, element } = starprobe;
  const places = [...document.querySelectorAll("[data-figure]")];
  let figures = {};
  let ready = null;

  const LIGHT = { ink: "#1c2330", grid: "#d9dee6", paper: "#ffffff" };
  const DARK = { ink: "#e6eaf0", grid: "#3a4450", paper: "#1a2028" };
  const deep = (value, change) => {
    if (typeof value === "string") return change(value);
    if (Array.isArray(value)) return value.map((part) => deep(part, change));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, deep(part, change)]));
    return value;
  };
  // Labels reach plotly escaped, for it reads <b> and <a> in text; names are matched unescaped.
  const decoded = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  const encoded = (text) => starprobe.visibleString(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const renamed = (text) => {
    const changed = starprobe.rename(decoded(text));
    return changed === decoded(text) ? text : encoded(changed);
  };
  const broken = (text) => {
    const middle = text.indexOf(" ", Math.floor(text.length / 2) - 3);
    return text.length > 30 && middle > 0 ? `${text.slice(0, middle)}<br>${text.slice(middle + 1)}` : text;
  };
  const trace = (part, colours) => {
    if (part.type !== "bar") return part;
    for (const side of ["error_x", "error_y"]) if (part[side]) part[side].color = colours.ink;
    if (part.marker?.line) part.marker.line.color = colours.paper;
    return part;
  };
  // On a phone, names of models would leave no room for what is drawn.
  const namesOf = (part) => (Array.isArray(part.y) ? part.y.flat() : []).filter((name) => typeof name === "string");
  const shorter = (text, length) => (text.length > length ? `${text.slice(0, 5)}…${text.slice(6 - length)}` : text);
  const slimmed = (data) => {
    const names = [...new Set(data.flatMap(namesOf))];
    // As short as they can be and still differ.
    const length = [15, 20, 28, 40].find((size) => new Set(names.map((name) => shorter(name, size))).size === names.length);
    const cut = (name) => (typeof name === "string" && length ? shorter(name, length) : name);
    return data.map((part) => {
      const made = part.type === "heatmap" ? { ...part, showscale: false } : { ...part };
      if (namesOf(part).length) made.y = part.y.map((name) => (Array.isArray(name) ? name.map(cut) : cut(name)));
      return made;
    });
  };
  const coloured = (layout, colours, narrow, entries) => {
    const made = structuredClone(layout);
    made.font = { ...made.font, color: colours.ink, size: narrow ? 11 : 13 };
    made.hoverlabel = { ...made.hoverlabel, bgcolor: colours.paper, bordercolor: colours.grid, font: { ...made.hoverlabel?.font, color: colours.ink } };
    for (const [name, part] of Object.entries(made)) {
      if (/^[xy]axis\d*$/.test(name)) Object.assign(part, { gridcolor: colours.grid, linecolor: colours.grid });
    }
    if (narrow) {
      if (made.margin) made.margin.l = 4;
      // Entries stand one below the other there: room for all of them, and no scroll bar.
      if (made.height && entries > 3) {
        made.height += 20 * entries;
        made.legend = { ...made.legend, maxheight: 26 * entries };
      }
      for (const [name, part] of Object.entries(made)) {
        if (!/^[xy]axis\d*$/.test(name)) continue;
        part.tickfont = { ...part.tickfont, size: 10 };
        if (part.title?.text) part.title = { ...part.title, text: broken(part.title.text), font: { size: 11 } };
      }
    }
    for (const note of made.annotations ?? []) note.font = { ...note.font, color: colours.ink, size: 13 };
    return made;
  };
  const PAPER = 640, TALLEST = 780; // Pixels of a sheet of A4 or Letter, with its margins and a caption off.
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], showSendToCloud: false, plotlyServerURL: "" };

  const draw = async (place, colours, width) => {
    const figure = figures[place.dataset.figure];
    if (!figure) return;
    const narrow = (width ?? place.clientWidth) < 560;
    const entries = figure.data.filter((part) => part.name && part.showlegend !== false).length;
    const layout = coloured(deep(figure.layout, renamed), colours, narrow, entries);
    // On paper a figure taller than a page is drawn as large and shown smaller: whole, on one page.
    const shrink = width ? Math.max(1, (layout.height ?? 0) / TALLEST) : 1;
    if (width) Object.assign(layout, { width: width * shrink, autosize: false });
    place.style.zoom = shrink > 1 ? 1 / shrink : "";
    const whole = deep(figure.data, renamed).map((part) => trace(part, colours));
    const data = narrow ? slimmed(whole) : whole;
    // On paper nothing may be on its way in: ribbons would fade in after the page was printed.
    await Plotly.react(place, data, layout, { ...CONFIG, staticPlot: width !== undefined });
    place.style.height = "";
    place.removeAllListeners?.("plotly_click");
    place.on("plotly_click", (event) => follow(figure.click, event.points[0]));
  };
  const screenColours = () => (starprobe.isDark() ? DARK : LIGHT);
  const drawAll = async (colours, width) => {
    for (const place of places) await draw(place, colours, width);
  };

  const pointValue = (point, where) => {
    if (where === "x" || where === "y") return point[where];
    if (where === "trace") return point.data.name;
    return point.customdata?.[Number(where.slice(5))];
  };
  const follow = (click, point) => {
    const wanted = {};
    for (const [filter, where] of Object.entries(click ?? {})) {
      const value = pointValue(point, where);
      if (typeof value === "string") wanted[filter] = decoded(value);
    }
    if (Object.keys(wanted).length) starprobe.browse?.(wanted);
  };

  const rowsBehind = (id) => {
    const table = figures[id].table;
    const names = Object.keys(table);
    const count = names.length ? table[names[0]].length : 0;
    const rows = [names];
    for (let row = 0; row < count; row++) {
      rows.push(names.map((name) => (typeof table[name][row] === "string" ? starprobe.rename(table[name][row]) : table[name][row])));
    }
    return rows;
  };
  const SHOWN = 300;
  const numbers = (id, place) => {
    place.querySelector(".table-wrap")?.remove();
    const rows = rowsBehind(id);
    const number = rows[0].map((_, at) => typeof rows.slice(1).find((row) => row[at] !== null)?.[at] === "number");
    const words = rows.length - 1 > SHOWN ? `The first ${SHOWN} of ${rows.length - 1} rows; the CSV holds all.` : `${rows.length - 1} rows.`;
    const head = element("tr", {}, ...rows[0].map((name, at) => element("th", { scope: "col", class: number[at] ? "n" : null }, name.replaceAll("_", " "))));
    const body = rows.slice(1, SHOWN + 1).map((row) => element("tr", {}, ...row.map((cell, at) => element("td", { class: number[at] ? "n" : null, "data-value": number[at] ? cell ?? "" : null }, cell === null ? "" : starprobe.visible(String(typeof cell === "number" ? Number(cell.toPrecision(4)) : cell))))));
    const table = element("table", { class: "sortable" }, element("caption", {}, words), element("thead", {}, head), element("tbody", {}, ...body));
    starprobe.sortable(table);
    place.append(element("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Numbers behind the figure" }, table));
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-csv]");
    if (!button) return;
    await ready;
    starprobe.save(starprobe.csv(rowsBehind(button.dataset.csv)), `${button.dataset.csv}.csv`);
  });
  document.querySelectorAll("details[data-numbers]").forEach((place) => {
    place.addEventListener("toggle", async () => {
      await ready;
      if (place.open) numbers(place.dataset.numbers, place);
    });
  });

  const start = async () => {
    figures = await starprobe.unpack(byId("figure-data"));
    const code = await starprobe.unpackText(byId("plotly"));
    // Its hash stands in the page's policy, so this very text may run and no other.
    document.head.append(element("script", {}, code));
    await drawAll(screenColours());
    document.body.dataset.figures = "drawn";
  };
  if (places.length) {
    ready = new Promise((resolve) => { requestAnimationFrame(() => setTimeout(() => resolve(start()), 0)); });
    starprobe.onTheme.push(() => drawAll(screenColours()));
    starprobe.onRename.push(() => {
      drawAll(screenColours());
      document.querySelectorAll("details[data-numbers][open]").forEach((place) => numbers(place.dataset.numbers, place));
    });
    // On paper: light, and no wider than the page.
    addEventListener("beforeprint", () => { drawAll(LIGHT, PAPER); });
    addEventListener("afterprint", () => { drawAll(screenColours()); });
  } else document.body.dataset.figures = "none";
})();
