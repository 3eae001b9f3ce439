// Builds and updates HTML and SVG elements.

const SVG = "http://www.w3.org/2000/svg";

/** A new HTML element. */
export function element(name, { className = "", text = "" } = {}, ...children) {
  const created = document.createElement(name);
  if (className) created.className = className;
  created.append(...children);
  if (text) created.append(text);
  return created;
}

/** A new SVG element. */
export function shape(name, attributes = {}) {
  const created = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) created.setAttribute(attribute, value);
  return created;
}

/** Sets only the attributes that differ: every write may cost a layout. */
export function update(target, attributes) {
  for (const [attribute, value] of Object.entries(attributes)) {
    const text = String(value);
    if (target.getAttribute(attribute) !== text) target.setAttribute(attribute, text);
  }
}

/** Makes `children` the children of `parent`. Moves as few of them as possible, so that none loses the focus. */
export function arrangeChildren(parent, children) {
  const kept = new Set(children);
  for (const child of [...parent.childNodes]) if (!kept.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
}
