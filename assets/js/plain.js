// Makes HTML of what the server sends as data (pages/parts/plain.py), whenever Dash draws or changes it.
// Texts become text nodes: nothing in the data is ever read as HTML.
(function () {
  var DATA = "data-sg-plain";

  function build(node) {
    if (typeof node === "string") return document.createTextNode(node);
    var element = document.createElement(node[0]);
    Object.keys(node[1]).forEach(function (name) {
      if (name !== "style") return element.setAttribute(name, node[1][name]);
      Object.keys(node[1].style).forEach(function (property) {
        element.style.setProperty(property, node[1].style[property]);
      });
    });
    element.append.apply(element, node.slice(2).map(build));
    return element;
  }

  function draw(host) {
    host.replaceChildren.apply(host, JSON.parse(host.getAttribute(DATA)).map(build));
  }

  // Drawing anew takes the focused element away: its place is remembered, as the way down from what has an id.
  var last = null;

  function place(target) {
    var way = [];
    var at = target;
    for (; !at.id && at !== document.body; at = at.parentNode) {
      way.unshift(Array.prototype.indexOf.call(at.parentNode.children, at));
    }
    return { id: at.id, way: way, tag: target.tagName };
  }

  function refocus() {
    if (!last || document.activeElement !== document.body) return;
    var found = last.way.reduce(function (at, index) { return at && at.children[index]; }, document.getElementById(last.id));
    if (found && found.tagName === last.tag) found.focus({ preventScroll: true });
  }

  document.addEventListener("focusin", function (event) {
    last = event.target.closest("[" + DATA + "]") ? place(event.target) : null;
  });
  document.addEventListener("pointerdown", function () {
    last = null;
  });

  function hosts(change) {
    if (change.type === "attributes") return [change.target];
    return Array.from(change.addedNodes).flatMap(function (node) {
      if (node.nodeType !== Node.ELEMENT_NODE) return [];
      return node.hasAttribute(DATA) ? [node] : Array.from(node.querySelectorAll("[" + DATA + "]"));
    });
  }

  new MutationObserver(function (changes) {
    var found = changes.flatMap(hosts);
    found.forEach(draw);
    if (found.length) refocus();
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: [DATA] });
})();
