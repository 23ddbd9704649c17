// Links that change the view without scrolling; a click anywhere in a table's row follows the row's link.
(function () {
  function wanted(event) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
    var link = event.target.closest("a.sg-stay");
    if (link || event.target.closest("a, button, input, label")) return link;
    var row = event.target.closest(":is(.sg-ranked, .sg-findings) tbody tr");
    var selecting = String(window.getSelection());
    return row && !selecting ? row.querySelector("a.sg-stay") : null;
  }

  document.addEventListener("click", function (event) {
    var link = wanted(event);
    if (!link) return;
    event.preventDefault();
    window.dash_clientside.set_props("url", { search: new URL(link.href).search });
  });
})();
