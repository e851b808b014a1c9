// What stands around the panes: progress, the prompt and the models, the vote, the differences.
const LAYOUTS = { auto: "Auto", side: "Side by side", stack: "Stacked", tabs: "Tabs" };

const makeBar = (act, arranged) => {
  const line = make("span", "llmkit-cmp-progress-line");
  const meter = make("progress", "llmkit-cmp-progress", { "aria-label": "Answers that are done" });
  const stop = button("■ Stop all", "Stop every answer that is still coming", () => act("stop_all"));
  const missing = button("↻ Ask what is missing", "Ask again what failed or was stopped", () => act("missing"));
  const blind = button("Blind", "Hide who wrote what until there is a vote", () => act("blind", { on: blind.getAttribute("aria-pressed") !== "true" }));
  const choice = make("select", "llmkit-cmp-field", { "aria-label": "Arrangement", onchange: () => arranged(choice.value) },
    ...Object.entries(LAYOUTS).map(([value, label]) => make("option", "", { value }, label)));
  const preview = make("div", "llmkit-cmp-quiet llmkit-cmp-preview");
  const el = make("div", `llmkit-cmp-bar ${PLAIN}`, {}, meter, line, make("span", "llmkit-cmp-space"), stop, missing, blind, choice, preview);
  return {
    el,
    take(top) {
      write(line, top.line); write(preview, top.preview); show(preview, Boolean(top.preview));
      meter.max = top.all; meter.value = top.done;
      show(meter, top.going); show(stop, top.going); show(missing, top.missing > 0); show(blind, top.may_blind);
      tell(blind, "aria-pressed", String(top.blind));
    },
  };
};

const makeAsking = act => {
  const summary = make("summary", `llmkit-cmp-prompt ${PLAIN}`);
  const area = make("textarea", "llmkit-cmp-area", { rows: "3", "aria-label": "The prompt" });
  const send = button("Ask again", "Ask all models this prompt (Ctrl+Enter)", () => act("ask", { prompt: area.value }));
  area.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.stopPropagation(); send.click(); }
  });
  const chips = make("span", "llmkit-cmp-chips", { role: "list", "aria-label": "Models" });
  const list = make("datalist", "", { id: `llmkit-models-${Math.random().toString(36).slice(2)}` });
  const field = make("input", "llmkit-cmp-field", { placeholder: "another model", list: list.id, size: "22", spellcheck: "false", "aria-label": "Another model" });
  const add = () => { if (field.value.trim()) act("add", { model: field.value.trim() }); field.value = ""; };
  const adding = fillIn("llmkit-cmp-adding", field, "+ Add", add, () => { field.value = ""; });
  adding.append(list);
  const models = make("div", "llmkit-cmp-models", {}, chips, adding);
  const inside = make("div", "llmkit-cmp-asking-box", {}, area, make("div", "llmkit-cmp-row", {}, send), models);
  const el = make("details", "llmkit-cmp-asking", {}, summary, inside);
  let written = "";
  return {
    el,
    take(patch) {
      if (patch.prompt) {
        const words = patch.prompt.text.replace(/\s+/g, " ");
        summary.textContent = words.length > 140 ? `${words.slice(0, 139)}…` : words;
        if (area.value === written) area.value = patch.prompt.text;  // what the reader is writing stays
        written = patch.prompt.text;
        area.disabled = send.disabled = !patch.prompt.may;
      }
      if (patch.models) {
        show(models, patch.models.length > 0);
        chips.replaceChildren(...patch.models.map((name, at) => make("span", "llmkit-cmp-chip", { role: "listitem" }, name,
          ...(patch.models.length > 1 ? [button("×", `Leave out ${name}`, () => act("remove", { model: at, name }), "llmkit-cmp-x")] : []))));
      }
      if (patch.known) list.replaceChildren(...patch.known.map(value => make("option", "", { value })));
    },
  };
};

const makeVoting = act => {
  const said = make("span", "llmkit-cmp-said", { role: "status" });
  const tie = button("Tie", "They are equally good (T)", () => act("vote", { kind: "tie" }));
  const skip = button("Skip", "No vote on this one (S)", () => act("vote", { kind: "skip" }));
  const hint = make("span", "llmkit-cmp-quiet");
  const el = make("div", `llmkit-cmp-voting ${PLAIN}`, { role: "group", "aria-label": "Vote" }, said, tie, skip, hint);
  return {
    el,
    take(vote, panes, many) {
      show(el, vote.may);
      tie.disabled = skip.disabled = !vote.ready;
      const chosen = { win: `Voted: ${panes[vote.winner]?.title ?? ""}`, tie: "Voted: a tie", skip: "Skipped" }[vote.kind];
      write(said, chosen ?? (vote.ready ? "Which is best?" : "Vote when all answers are there."));
      write(hint, vote.ready ? `keys 1–${Math.min(9, panes.length)}, T, S${many ? ", N for the next question" : ""}${vote.hidden ? " · names are shown after the vote" : ""}` : "");
    },
  };
};

const makeDiffing = act => {
  const one = make("select", "llmkit-cmp-field", { "aria-label": "From", onchange: () => ask() });
  const other = make("select", "llmkit-cmp-field", { "aria-label": "To", onchange: () => ask() });
  const shown = make("div", "llmkit-cmp-diff", { tabindex: "0", role: "region", "aria-label": "Differences" });
  const el = make("details", `llmkit-cmp-diffing ${PLAIN}`, { ontoggle: () => { if (el.open) ask(); } },
    make("summary", "", {}, "Differences"), make("div", "llmkit-cmp-row", {}, one, "→", other), shown);
  const ask = () => { if (el.open) act("diff", { a: Number(one.value), b: Number(other.value) }); };
  return {
    el,
    named(titles) {
      const kept = [one.value || "0", other.value || "1"];
      [one, other].forEach((choice, n) => {
        choice.replaceChildren(...titles.map((title, at) => make("option", "", { value: String(at) }, title)));
        choice.value = Number(kept[n]) < titles.length ? kept[n] : String(Math.min(n, titles.length - 1));
      });
      show(el, titles.length > 1);
      ask();
    },
    take(diff) { shown.innerHTML = diff.html; },
    toggle() { el.open = !el.open; if (el.open) shown.focus(); },
  };
};
