// Elements in one line. All text goes in as text; HTML only where the kernel made it safe.
const make = (name, classes, attributes = {}, ...children) => {
  const made = document.createElement(name);
  made.className = classes;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};

const button = (label, title, onclick, classes = "") =>
  make("button", `llmkit-cmp-button ${classes}`, { type: "button", title, "aria-label": title, onclick }, label);

// A line to fill in. Enter is taken here: notebooks have other uses for it, and forms would not hear of it.
const fillIn = (classes, field, label, done, left) => make("span", classes, { onkeydown: event => {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  event.preventDefault(); event.stopPropagation();
  event.key === "Enter" ? done() : left();
} }, field, button(label, label, done));

// Written only where it is another value: nothing is laid out for what stays as it is.
const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const tell = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
const show = (node, on) => { if (node.hidden === on) node.hidden = !on; };

const PLAIN = "tex2jax_ignore mathjax_ignore";
