// One answer: its head, its growing text, which follows its end until the reader scrolls away, and its buttons.
const NEAR = 28;  // pixels from the end that still count as being there

const makePane = (place, act) => {
  const name = make("strong", "llmkit-cmp-name");
  const note = make("span", "llmkit-cmp-quiet");
  const won = make("span", "llmkit-cmp-won");
  const sign = make("span", "llmkit-cmp-sign");
  const sub = make("div", `llmkit-cmp-sub ${PLAIN}`);
  const head = make("header", `llmkit-cmp-head ${PLAIN}`, {}, make("span", "llmkit-cmp-names", {}, name, " ", note), won, sign);

  const before = make("div", "llmkit-cmp-piece"), frozen = make("div", "llmkit-cmp-piece");
  const tail = make("div", "llmkit-cmp-piece"), after = make("div", "llmkit-cmp-piece");
  const text = make("div", `llmkit-md ${PLAIN}`, {}, before, frozen, tail, after);
  const body = make("div", "llmkit-cmp-body", { tabindex: "0", role: "region" }, text);
  const latest = button("↓ latest", "Follow the end of this answer", () => { follows = true; follow(); latest.blur(); }, "llmkit-cmp-latest");
  latest.hidden = true;
  const wrong = make("div", `llmkit-cmp-wrong ${PLAIN}`), line = make("div", `llmkit-cmp-line ${PLAIN}`);

  const stop = button("■ Stop", "", () => { info.over ? act("retry", { pane: place }) : act("stop", { pane: place }); });
  const copy = button("Copy", "", () => copied(act.asked("copy", { pane: place }), copy, text));
  const expand = button("Expand", "", () => {
    const on = el.classList.toggle("llmkit-cmp-expanded");
    expand.textContent = on ? "Shrink" : "Expand";
    tell(expand, "aria-expanded", String(on));
    if (follows) follow();
  });
  const field = make("input", "llmkit-cmp-field", { value: "best", size: "8", spellcheck: "false", "aria-label": "Name of the variable" });
  const kept = () => { act("pin", { pane: place, name: field.value.trim() }); unpin(); };
  const unpin = () => { keep.hidden = true; pin.focus(); };
  const keep = fillIn("llmkit-cmp-keep", field, "Keep", kept, unpin);
  keep.hidden = true;
  const pin = button("Pin", "", () => { keep.hidden = !keep.hidden; if (!keep.hidden) { field.focus(); field.select(); } });
  const best = button("★ Best", "", () => act("vote", { pane: place }), "llmkit-cmp-best");
  const tools = make("div", "llmkit-cmp-tools", {}, stop, copy, expand, pin, best);
  const el = make("section", "llmkit-cmp-pane", {}, head, sub, wrong, body, latest, line, tools, keep);

  let follows = true, info = {}, added = "", now = "", ended = false, fresh = new Set();
  const follow = () => { body.scrollTop = 1e8; };
  body.addEventListener("scroll", () => {
    const there = body.scrollHeight - body.scrollTop - body.clientHeight < NEAR;
    follows = there;
    show(latest, !there && !ended);
    place_ = body.scrollTop;
  }, { passive: true });
  let place_ = 0;

  return {
    el,
    take(patch) {
      if (patch.reset) { added = ""; now = ""; fresh.add("reset"); follows = true; }
      if (patch.add) { added += patch.add; fresh.add("add"); }
      if (patch.tail !== undefined) { now = now.slice(0, patch.keep ?? 0) + patch.tail; fresh.add("tail"); }
      if (patch.info) { info = { ...info, ...patch.info }; fresh.add("info"); }
    },
    // Two steps, so that a page with many panes is laid out once for all of them.
    paint() {
      if (fresh.has("reset")) { frozen.replaceChildren(); tail.replaceChildren(); }
      if (fresh.has("add")) { frozen.insertAdjacentHTML("beforeend", added); added = ""; }
      if (fresh.has("tail")) tail.innerHTML = now;
      if (fresh.has("info")) {
        ended = info.over;
        write(name, info.title); write(note, info.note ?? ""); write(sub, info.sub ?? "");
        show(sub, Boolean(info.sub));
        write(sign, `${info.sign} ${info.word}`);
        tell(el, "data-status", info.status);
        tell(el, "data-vote", info.vote ?? "");
        write(won, info.vote === "won" ? "★ voted best" : info.vote === "tie" ? "tie" : "");
        write(line, info.line ?? ""); write(wrong, info.wrong ?? "");
        show(line, Boolean(info.line)); show(wrong, Boolean(info.wrong));
        if (before.innerHTML !== (info.before ?? "")) before.innerHTML = info.before ?? "";
        if (after.innerHTML !== (info.after ?? "")) after.innerHTML = info.after ?? "";
        const whose = [info.title, info.note].filter(Boolean).join(" ");
        tell(el, "aria-label", whose);
        tell(body, "aria-label", `Answer of ${whose}`);
        tell(body, "aria-busy", String(!ended));
        write(stop, ended ? "↻ Retry" : "■ Stop");
        const says = { [ended ? "Ask again" : "Stop"]: stop, Copy: copy, Expand: expand, "Keep in a variable": pin, "Vote best": best };
        for (const [word, node] of Object.entries(says)) { tell(node, "aria-label", `${word}: ${whose}`); tell(node, "title", `${word}: ${whose}`); }
        if (ended) latest.hidden = true;
      }
      if (fresh.size) el.toggleAttribute("data-empty", ended && !text.textContent.trim());
    },
    settle() {
      if (fresh.size && follows && !ended) follow();
      fresh.clear();
    },
    returned() { body.scrollTop = follows && !ended ? 1e8 : place_; },
    votable(may, ready) { show(best, may); best.disabled = !ready || el.hasAttribute("data-empty"); },
    get title() { return [info.title, info.note].filter(Boolean).join(" "); },
    get over() { return ended; },
    focus() { body.focus({ preventScroll: true }); },
  };
};

// The clipboard wants to be asked while the click counts; where there is none, a selection is copied.
const copied = async (asked, node, fallback) => {
  const said = word => { node.textContent = word; setTimeout(() => { node.textContent = "Copy"; }, 1500); };
  const text = asked.then(answer => answer?.text ?? fallback.innerText);
  try {
    if (window.ClipboardItem && navigator.clipboard?.write) {
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text.then(words => new Blob([words], { type: "text/plain" })) })]);
    } else {
      const area = make("textarea", "", { style: "position:fixed;opacity:0" });
      area.value = await text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("refused");
    }
    said("Copied");
  } catch {
    said("Not allowed");
  }
};
