// Makes elements. What people wrote is only set as text, never as markup.

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

// Isolated, because a name written from right to left would otherwise reorder the text around it.
export const nameOf = (name) => element("bdi", "name", name);

export function avatar(name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? ["?"];
  const initials = [words[0], words[1] ?? ""].map((word) => [...word].slice(0, 1).join("")).join("");
  const made = element("span", "avatar", initials.toUpperCase());
  made.setAttribute("aria-hidden", "true");
  made.style.setProperty("--hue", hue(name));
  return made;
}

// From green over blue to orange. Dark yellow is left out, because it is hard to read.
function hue(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 501 + character.codePointAt(0)) % 997;
  return 150 + ((hash * 137.508) % 260);
}
