// The condition builder and the segments menu: applying, going to a new query, and where the focus goes on.
(function () {
  function pressed(name) {
    return window.dash_clientside.callback_context.triggered.some(function (item) {
      return item.prop_id === name + ".n_clicks" && item.value;
    });
  }

  // The drawer's state, the filter menu's, and the parameter. Wrong conditions are not applied.
  function apply(_open, _apply, text, error) {
    var nothing = window.dash_clientside.no_update;
    if (pressed("conditions-open")) return [true, false, nothing];
    if (!pressed("conditions-apply") || error) return [nothing, nothing, nothing];
    return [false, nothing, (text || "").trim()];
  }

  // How a row's values are given, for its comparison.
  function valuesFor(operator) {
    var order = [">", ">=", "<", "<="].indexOf(operator) >= 0;
    var none = operator === "empty" || operator === "filled";
    return [none ? "sg-off" : "sg-row-values", order ? 1 : 100, order ? "a number" : "any of these"];
  }

  function go(next) {
    if (next && typeof next.search === "string") window.dash_clientside.set_props("url", { search: next.search });
  }

  // Whatever is drawn with data-sg-focus is where work goes on.
  function focusMarked(changes) {
    changes.forEach(function (change) {
      var places = change.type === "attributes" ? [change.target] : Array.from(change.addedNodes);
      places.forEach(function (place) {
        if (!place.matches) return;
        var found = place.matches("[data-sg-focus]") ? place : place.querySelector("[data-sg-focus]");
        if (found) found.focus();
      });
    });
  }

  new MutationObserver(focusMarked).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["data-sg-focus"],
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, { filters: { apply: apply, go: go, valuesFor: valuesFor } });
})();
