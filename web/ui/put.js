// put makes the children of a node those of another and keeps every node that is the same, so that focus, selection,
// scrolling and an open table stay. What has data-own is the scripts' and is left alone.
export function put(old, fresh) {
  const from = [...old.childNodes].filter(node => node.dataset?.own !== "hair"), to = [...fresh.childNodes];
  to.forEach((next, i) => {
    const now = from[i];
    if (!now) old.append(next);
    else if (now.nodeName !== next.nodeName) now.replaceWith(next);
    else if (now.nodeType !== Node.ELEMENT_NODE) { if (now.data !== next.data) now.data = next.data; }
    else if (!now.dataset.own) { attributes(now, next); put(now, next); }
  });
  from.slice(to.length).forEach(node => node.remove());
}

const kept = new Set(["open", "tabindex"]); // set here by a person or a script

function attributes(now, next) {
  for (const { name } of [...now.attributes]) if (!kept.has(name) && !next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
}
