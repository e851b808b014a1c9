// Many questions: a table of how each answer stands; the row that is chosen is shown below it.
const makeMatrix = act => {
  const head = make("tr", "", { role: "row" });
  const body = make("tbody", "");
  const table = make("table", `llmkit-cmp-matrix ${PLAIN}`, { role: "grid", "aria-label": "Questions and answers" },
    make("thead", "", {}, head), body);
  const el = make("div", "llmkit-cmp-matrix-box", {}, table);
  let rows = [], columns = [], marks = [], at = 0, cells = [], lines = [], focused = [0, 0];

  const focus = (row, column) => {
    const next = lines[row]?.[column];
    if (!next) return;
    for (const cell of cells) cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    focused = [row, column];
  };
  table.addEventListener("keydown", event => {
    const [row, column] = focused;
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    focus(row + step[0], column + step[1]);
    if (step[0] && lines[row + step[0]]) act("show", { row: row + step[0] });
  });

  const cell = (row, column) => {
    const made = make("button", "llmkit-cmp-mark", { type: "button", tabindex: row || column ? "-1" : "0", onclick: () => {
      focused = [row, column];
      act("show", { row });
    } });
    cells.push(made);
    lines[row][column] = made;
    return make("td", "", { role: "gridcell" }, made);
  };
  const draw = () => {
    cells = []; lines = [];
    head.replaceChildren(make("th", "", { scope: "col" }, "Question"), ...columns.map(name => make("th", "", { scope: "col", title: name }, name)));
    body.replaceChildren(...rows.map((label, row) => {
      lines[row] = [];
      const line = make("tr", "", { role: "row", onclick: event => { if (!event.target.closest("button")) act("show", { row }); } },
        make("th", "", { scope: "row", title: label }, label), ...columns.map((_, column) => cell(row, column)));
      return line;
    }));
    marks.forEach((_, n) => drawMark(n));
    chosen();
  };
  const drawMark = n => {
    const node = cells[n], mark = marks[n];
    if (!node || !mark) return;
    const [status, sign, word, figures, vote] = mark;
    node.dataset.status = status;
    node.replaceChildren(make("span", "llmkit-cmp-sign", {}, vote === "won" ? "★" : sign), ` ${figures || word}`);
    const row = Math.floor(n / columns.length);
    tell(node, "aria-label", `${rows[row]}, ${columns[n % columns.length]}: ${word}${figures ? `, ${figures}` : ""}${vote ? `, ${vote}` : ""}`);
  };
  const chosen = () => {
    [...body.children].forEach((line, row) => tell(line, "aria-selected", String(row === at)));
    const line = body.children[at];
    if (line && line.offsetTop !== undefined) {
      const top = line.offsetTop - head.offsetHeight;
      if (top < el.scrollTop) el.scrollTop = top;
      else if (line.offsetTop + line.offsetHeight > el.scrollTop + el.clientHeight) el.scrollTop = line.offsetTop + line.offsetHeight - el.clientHeight;
    }
  };
  return {
    el,
    take(patch) {
      const fresh = patch.rows || patch.columns || patch.marks;
      rows = patch.rows ?? rows; columns = patch.columns ?? columns; marks = patch.marks ?? marks; at = patch.at ?? at;
      show(el, rows.length > 0);
      if (fresh) draw();
      for (const [n, mark] of Object.entries(patch.marked ?? {})) { marks[n] = mark; drawMark(Number(n)); }
      if (patch.at !== undefined) chosen();
    },
    step(by) { if (rows[at + by] !== undefined) act("show", { row: at + by }); },
    get many() { return rows.length > 0; },
    get label() { return rows[at] ?? ""; },
  };
};
