// Explore: paging by cursor and the chosen event, both kept in the URL by their hidden parameters.
(function () {
  var EVENT = { type: "param", key: "event", default: "", kind: "text" };

  function nothing() {
    return window.dash_clientside.no_update;
  }

  function page(_newer, _older, pages) {
    var pressed = window.dash_clientside.callback_context.triggered[0];
    if (!pressed || !pressed.value || !pages) return [nothing(), nothing()];
    return pressed.prop_id.indexOf("older") >= 0 ? [pages.older, ""] : ["", pages.newer];
  }

  function ends(pages) {
    return [!pages || !pages.newer, !pages || !pages.older, (pages && pages.span) || ""];
  }

  function pick(search, rows) {
    var id = new URLSearchParams(search || "").get("event");
    return (
      (id &&
        (rows || []).find(function (row) {
          return row.event_id === id;
        })) ||
      null
    );
  }

  function show(event) {
    return !!event;
  }

  function setEvent(value, kept) {
    if (value !== (kept || "")) window.dash_clientside.set_props(EVENT, { value: value });
  }

  function select(rows, kept) {
    if (rows && rows.length) setEvent(rows[0].event_id, kept);
  }

  var wasOpen = false;

  function closed(opened, kept) {
    // The drawer also starts closed, before a link's event has been found in the rows.
    if (opened || !wasOpen) {
      wasOpen = !!opened;
      return;
    }
    wasOpen = false;
    setEvent("", kept);
    window.dash_clientside.set_props("explore-grid", { selectedRows: [] });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explore: { page: page, ends: ends, pick: pick, show: show, select: select, closed: closed },
  });
})();
