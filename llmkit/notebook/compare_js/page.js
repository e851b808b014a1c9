// The page's side of compare_page.py: it takes over the place in the cell's output that holds the static form, writes
// only what the kernel made safe, and loads nothing. Where the kernel goes, the static form comes back.
const NARROW = 560;

export default () => {
  let next = 0, heard = false, version = 0, panes = [], vote = { may: false }, frame = 0, questions = 0;
  let arrangement = "auto", tab = 0, gone = false, wasInside = null;
  const waiting = new Map();
  let model;
  const act = (say, more = {}) => model.send({ say, v: version, ...more });
  act.asked = (say, more) => {
    const id = ++questions;
    act(say, { ...more, id });
    return new Promise(resolve => { waiting.set(id, resolve); setTimeout(() => { waiting.delete(id); resolve(null); }, 3000); });
  };

  const bar = makeBar(act, value => { arrangement = value; arrange(); });
  const asking = makeAsking(act), matrix = makeMatrix(act), voting = makeVoting(act), diffing = makeDiffing(act);
  const note = make("div", `llmkit-cmp-note ${PLAIN}`, { role: "alert", hidden: true });
  const label = make("div", `llmkit-cmp-label ${PLAIN}`);
  const tabs = make("div", "llmkit-cmp-tabs", { role: "tablist", "aria-label": "Answers" });
  const grid = make("div", "llmkit-cmp-panes");
  const spoken = make("div", "llmkit-cmp-unseen", { role: "status", "aria-live": "polite" });
  const root = make("div", "llmkit-cmp", { role: "group", "aria-label": "Comparison", "data-lm-suppress-shortcuts": "true", tabindex: "-1" },
    bar.el, asking.el, note, matrix.el, label, tabs, grid, voting.el, diffing.el, spoken);

  // -- panes ------------------------------------------------------------------------------------
  const arrange = () => {
    const kind = arrangement === "auto" ? (root.clientWidth && root.clientWidth < NARROW ? "tabs" : "side") : arrangement;
    const tabbed = kind === "tabs" && panes.length > 1;
    tell(grid, "data-arrangement", kind);
    show(tabs, tabbed);
    tab = Math.min(tab, Math.max(0, panes.length - 1));
    panes.forEach((pane, at) => {
      show(pane.el, !tabbed || at === tab);
      tell(pane.el, "role", tabbed ? "tabpanel" : "group");
      const mark = tabs.children[at];
      if (mark) { tell(mark, "aria-selected", String(at === tab)); mark.tabIndex = at === tab ? 0 : -1; }
    });
  };
  const titled = () => {
    const titles = panes.map((pane, at) => `${at + 1} · ${pane.title}`);
    if (tabs.children.length !== panes.length) {
      tabs.replaceChildren(...panes.map((_, at) => make("button", "llmkit-cmp-tab", { type: "button", role: "tab", onclick: () => { tab = at; arrange(); } })));
    }
    titles.forEach((title, at) => write(tabs.children[at], title));
    const said = titles.join("\n");
    if (titled.said !== said) { titled.said = said; diffing.named(panes.map(pane => pane.title)); }
  };
  tabs.addEventListener("keydown", event => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault(); event.stopPropagation();
    tab = (tab + by + panes.length) % panes.length;
    arrange();
    tabs.children[tab]?.focus();
  });

  const paint = () => {
    frame = 0;
    for (const pane of panes) pane.paint();
    for (const pane of panes) pane.settle();
    titled();
    voting.take(vote, panes, matrix.many);
    for (const pane of panes) pane.votable(vote.may, vote.ready);
  };
  const soon = () => { frame ||= requestAnimationFrame(paint); };

  // -- what the kernel says -----------------------------------------------------------------------
  const take = patch => {
    heard = true;
    if (!patch.whole && patch.n !== next) { model.send({ say: "hello" }); return; }  // one got lost: ask for all of it
    next = patch.n + 1;
    const focus = root.contains(document.activeElement) && panes.findIndex(pane => pane.el.contains(document.activeElement));
    if (patch.whole || patch.v !== version || patch.panes !== panes.length) {
      version = patch.v;
      panes = Array.from({ length: patch.panes }, (_, at) => makePane(at, act));
      grid.replaceChildren(...panes.map(pane => pane.el));
      titled.said = undefined;
      arrange();
    }
    if (patch.top) { bar.take(patch.top); if (patch.top.going !== take.going) { take.going = patch.top.going; write(spoken, patch.top.going ? "" : "All answers are there."); } }
    asking.take(patch);
    matrix.take(patch);
    if (patch.note !== undefined) { write(note, patch.note); show(note, Boolean(patch.note)); }
    if (patch.rows || patch.at !== undefined) { write(label, matrix.label); show(label, matrix.many); }
    if (patch.vote) vote = patch.vote;
    for (const [at, one] of Object.entries(patch.p ?? {})) panes[at]?.take(one);
    if (patch.diff) diffing.take(patch.diff);
    if (patch.copied) { waiting.get(patch.copied.id)?.(patch.copied); waiting.delete(patch.copied.id); }
    soon();
    mount();
    // What had the focus may have been drawn anew: the keys go on working in its place.
    if (focus !== false && !root.contains(document.activeElement)) panes[focus]?.focus();
    if (focus !== false && !root.contains(document.activeElement)) root.focus({ preventScroll: true });
  };

  // -- keys -----------------------------------------------------------------------------------------
  root.addEventListener("keydown", event => {
    const writing = event.target.closest("input, textarea, select");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
    if (digit >= 0 && digit < panes.length && vote.may && vote.ready) act("vote", { pane: digit });
    else if (event.key === "t" && vote.may && vote.ready) act("vote", { kind: "tie" });
    else if (event.key === "s" && vote.may && vote.ready) act("vote", { kind: "skip" });
    else if (event.key === "d") diffing.toggle();
    else if (event.key === "n") matrix.step(1);
    else if (event.key === "p") matrix.step(-1);
    else if (event.key === "Escape") { root.closest(".jp-Notebook")?.focus(); return; }
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // -- the place in the page ------------------------------------------------------------------------
  const mount = () => {
    if (gone || !heard || root.isConnected) return;
    const host = document.querySelector(`.${model.get("place")}`);
    if (!host) return;
    for (const child of host.children) child.style.display = "none";
    host.append(root);
    for (const pane of panes) pane.returned();
    arrange();
    if (wasInside?.isConnected) wasInside.focus({ preventScroll: true });
  };
  const leave = () => {
    gone = true;
    const host = root.parentElement;
    root.remove();
    if (host) for (const child of host.children) child.style.display = "";
  };
  root.addEventListener("focusin", event => { wasInside = event.target; });
  root.addEventListener("focusout", () => { queueMicrotask(() => { if (root.isConnected && !root.contains(document.activeElement)) wasInside = null; }); });

  return {
    initialize(given) {
      model = given.model;
      let timer, wait = 0;
      const hello = () => {
        if (heard) return;
        model.send({ say: "hello" });
        wait = wait * 2 || 100;
        if (wait < 5000) timer = setTimeout(hello, wait);
      };
      const lost = () => leave();
      model.on("msg:custom", take);
      model.on("comm_live_update", lost);
      const watching = new MutationObserver(() => { if (!root.isConnected) mount(); });
      watching.observe(document.body, { childList: true, subtree: true });
      const sized = new ResizeObserver(() => { if (arrangement === "auto") arrange(); });
      sized.observe(root);
      hello();
      return () => {
        clearTimeout(timer);
        watching.disconnect(); sized.disconnect();
        model.off("msg:custom", take);
        leave();
      };
    },
    render() {},
  };
};
