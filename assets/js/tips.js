// One tooltip for everything with data-sg-tip: on hover, focus and touch; Escape hides it.
(function () {
  var tip = null;
  var owner = null;

  function show(target) {
    if (target === owner) return;
    hide();
    owner = target;
    tip = document.createElement("div");
    tip.className = "sg-tip";
    tip.setAttribute("role", "tooltip");
    tip.textContent = target.getAttribute("data-sg-tip");
    document.body.append(tip);
    place();
  }

  // Above where there is room, else below; never beyond the window's sides.
  function place() {
    if (!tip) return;
    var at = owner.getBoundingClientRect();
    var own = tip.getBoundingClientRect();
    var left = at.left + at.width / 2 - own.width / 2;
    var above = at.top - own.height - 8;
    tip.style.left = Math.max(8, Math.min(left, window.innerWidth - own.width - 8)) + "px";
    tip.style.top = (above >= 8 ? above : at.bottom + 8) + "px";
  }

  function hide() {
    if (tip) tip.remove();
    tip = owner = null;
  }

  function under(event) {
    return event.target.closest && event.target.closest("[data-sg-tip]");
  }

  ["mouseover", "focusin"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var target = under(event);
      if (target) show(target);
      else if (name === "mouseover" && owner !== document.activeElement) hide();
    });
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", place, true);
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") hide();
  });
})();
