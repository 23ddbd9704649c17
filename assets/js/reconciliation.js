// The Reconciliation page compares anew when asked to, and when the lake has been counted anew.
(function () {
  function again(clicks, said) {
    if (clicks || said) window.dash_clientside.set_props("retry", { data: Date.now() });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { reconciliation: { again: again } });
})();
