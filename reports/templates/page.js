// Colours, hidden names, tables.
(() => {
  const { byId, element } = starprobe;
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themes = ["auto", "light", "dark"];
  let theme = 0;
  starprobe.onTheme = [];
  starprobe.isDark = () => (theme === 0 ? dark.matches : theme === 2);
  const announce = () => starprobe.onTheme.forEach((listener) => listener());
  byId("theme").addEventListener("click", (event) => {
    theme = (theme + 1) % 3;
    if (theme === 0) delete root.dataset.theme;
    else root.dataset.theme = themes[theme];
    event.target.textContent = `Colours: ${themes[theme]}`;
    event.target.setAttribute("aria-label", `Colours: ${theme ? themes[theme] : "as the system"}`);
    announce();
  });
  dark.addEventListener("change", announce);

  const cellValue = (cell) => {
    const raw = cell.dataset.value;
    if (raw === undefined) return cell.textContent.trim();
    return raw === "" ? null : Number.isNaN(Number(raw)) ? raw : Number(raw);
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  const sortBy = (table, heading, place) => {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [cellValue(row.cells[place]), row]);
    rows.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : up ? compare(a, b) : compare(b, a)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  starprobe.sortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((heading, place) => {
      const button = element("button", { type: "button" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortBy(table, heading, place));
    });
  };
  starprobe.rowsOf = (table) => [...table.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => {
    const value = cell.tagName === "TD" ? cellValue(cell) : cell.textContent.trim();
    return typeof value === "number" && cell.dataset.value !== undefined ? value : cell.textContent.trim().replace(/\s+/g, " ");
  }));
  document.querySelectorAll("table.sortable").forEach(starprobe.sortable);
  // Rows that hold every word stay; what is copied and saved are the rows shown.
  document.querySelectorAll("[data-narrow]").forEach((box) => {
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of byId(box.dataset.narrow).tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    const { copy, save, copyText } = button.dataset;
    if (copy) starprobe.copy(starprobe.tsv(starprobe.rowsOf(byId(copy))), button);
    if (save) starprobe.save(starprobe.csv(starprobe.rowsOf(byId(save))), `${save}.csv`);
    if (copyText) starprobe.copy(byId(copyText).textContent, button);
  });

  const reveal = byId("reveal");
  reveal?.addEventListener("click", async () => {
    const secrets = await starprobe.unpack(byId("secrets"));
    const shown = reveal.getAttribute("aria-pressed") === "true";
    reveal.setAttribute("aria-pressed", String(!shown));
    reveal.textContent = shown ? "Show the models’ names" : "Hide the models’ names";
    document.querySelectorAll("[data-secret]").forEach((place) => {
      const [alias, real] = secrets[Number(place.dataset.secret)];
      place.textContent = shown ? alias : starprobe.visibleString(real);
    });
    const names = new Map(secrets.filter(([alias]) => /^Model [A-Z]+$/.test(alias)));
    starprobe.rename = shown ? (text) => text : (text) => text.replace(/Model [A-Z]+(?![A-Za-z])/g, (alias) => names.get(alias) ?? alias);
    starprobe.onRename.forEach((listener) => listener());
  });
})();
