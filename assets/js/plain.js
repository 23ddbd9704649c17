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

  // Where the focus is, as the way down from the host.
  function focused(host) {
    var way = [];
    var at = document.activeElement;
    if (at === host || !host.contains(at)) return way;
    for (; at !== host; at = at.parentNode) way.unshift(Array.prototype.indexOf.call(at.parentNode.children, at));
    return way;
  }

  function draw(host) {
    var way = focused(host);
    host.replaceChildren.apply(host, JSON.parse(host.getAttribute(DATA)).map(build));
    if (!way.length) return;
    var found = way.reduce(function (at, index) { return at && at.children[index]; }, host);
    if (found) found.focus({ preventScroll: true });
  }

  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      if (change.type === "attributes") return draw(change.target);
      change.addedNodes.forEach(function (node) {
        if (node.nodeType !== Node.ELEMENT_NODE) return;
        if (node.hasAttribute(DATA)) return draw(node);
        node.querySelectorAll("[" + DATA + "]").forEach(draw);
      });
    });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: [DATA] });
})();
