// The page's side of pane.py. It writes only what the kernel made safe, and loads nothing.
export default () => {
  const now = { before: "", frozen: "", tail: "", head: "", line: "", stopping: false };
  const views = new Set();
  let next = 0, heard = false;

  const take = (patch, model) => {
    heard = true;
    if (patch.hush) { for (const view of views) view.hush(); return; }
    if (patch.whole) { now.frozen = ""; for (const view of views) view.clear(); }
    else if (patch.n !== next) { model.send({ say: "hello" }); return; }  // one got lost: ask for all of it
    next = patch.n + 1;
    now.frozen += patch.add ?? "";
    if (patch.tail !== undefined) patch.tail = now.tail.slice(0, patch.keep ?? 0) + patch.tail;
    for (const name of ["before", "tail", "head", "line"]) now[name] = patch[name] ?? now[name];
    for (const view of views) view.add(patch);
  };

  return {
    initialize({ model }) {
      const listen = patch => take(patch, model);
      let timer, wait = 0;
      const hello = () => {
        if (heard) return;
        model.send({ say: "hello" });
        wait = wait * 2 || 100;
        if (wait < 5000) timer = setTimeout(hello, wait);
      };
      model.on("msg:custom", listen);
      hello();
      return () => { clearTimeout(timer); model.off("msg:custom", listen); };
    },

    render({ model, el }) {
      const make = (name, classes, parent) => {
        const made = document.createElement(name);
        made.className = classes;
        parent.append(made);
        return made;
      };
      el.classList.add("llmkit-pane", "jp-RenderedHTMLCommon");
      el.dataset.lmSuppressShortcuts = "true";  // so that Enter presses the button, not JupyterLab's
      const plain = "tex2jax_ignore mathjax_ignore";
      const reply = make("div", "llmkit-reply", el);
      const before = make("div", "llmkit-before", reply);
      const head = make("div", `llmkit-head ${plain}`, reply);
      const text = make("div", `llmkit-md ${plain}`, reply);
      const frozen = make("div", "llmkit-piece", text), tail = make("div", "llmkit-piece", text);
      const bar = make("div", `llmkit-live ${plain}`, reply);
      const button = make("button", "llmkit-stop", bar), line = make("span", "llmkit-line", bar);
      button.type = "button";
      button.title = "Stop this answer and go on. (Interrupting the kernel also drops the cells that wait.)";
      const label = () => {
        button.disabled = now.stopping;
        button.textContent = now.stopping ? "Stopping…" : "■ Stop";
        button.setAttribute("aria-label", now.stopping ? "Stopping this answer" : "Stop this answer");
      };
      button.addEventListener("click", () => {
        now.stopping = true;
        model.send({ say: "stop" });
        for (const view of views) view.label();
        el.closest(".jp-Notebook")?.focus();  // the button goes away: the keyboard stays in the notebook
      });
      let added = "", patch = {}, frame = 0;
      const paint = () => {
        frame = 0;
        if (added) frozen.insertAdjacentHTML("beforeend", added);
        if (patch.tail !== undefined) tail.innerHTML = patch.tail;
        if (patch.before !== undefined) before.innerHTML = patch.before;
        if (patch.head !== undefined) head.innerHTML = patch.head;
        if (patch.line !== undefined) line.textContent = patch.line;
        added = ""; patch = {};
      };
      const view = {
        label,
        hush() {  // JupyterLab runs no cell while a question stands, even if nobody waits for its answer any more
          const box = el.closest(".jp-OutputArea")?.querySelector(".jp-Stdin-input");
          box?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        },
        clear() { added = ""; patch = {}; frozen.replaceChildren(); },
        add(more) {
          added += more.add ?? "";
          patch = { ...patch, ...more };
          frame ||= requestAnimationFrame(paint);
        },
      };
      label();
      added = now.frozen; patch = now;
      paint();
      views.add(view);
      return () => { cancelAnimationFrame(frame); views.delete(view); };
    },
  };
};
