// The URL query is the only state. `write` puts a changed control into it, `read` puts it into the controls.
(function () {
  var CURSORS = ["before", "after", "event", "start"];

  function join(values) {
    return values
      .map(function (value) {
        // White space at the ends is part of the value, too: what stands between values may have some.
        return String(value).replace(/[\\,]|^\s|\s$/g, "\\$&");
      })
      .join(",");
  }

  function split(text) {
    return (text.match(/(?:\\[^]|[^,\\])+/g) || []).map(function (part) {
      return part.match(/^\s*((?:\\[^]|[^\\])*?)\s*$/)[1].replace(/\\([^])/g, "$1");
    });
  }

  function put(params, key, value, fallback) {
    if (value === null || value === undefined || value === "" || value === fallback) params.delete(key);
    else params.set(key, value);
  }

  function putControl(params, control) {
    var id = control.id;
    var value = control.value;
    if (id.kind === "list") {
      put(params, id.key, join(value || []), id.default);
    } else if (id.kind === "period") {
      var days = value || [null, null];
      if (!days[0] !== !days[1]) return; // the second day is still to be chosen
      put(params, "from", days[0], "");
      put(params, "to", days[1], "");
    } else {
      put(params, id.key, value, id.default);
    }
  }

  function text(params) {
    // What needs no escaping in a query stays readable.
    var query = params
      .toString()
      .replace(/%(2C|5B|5D|3A|7E|3B|3D|2F)/g, decodeURIComponent)
      .replace(/\+/g, "%20");
    return query ? "?" + query : "";
  }

  function canonical(search) {
    return text(new URLSearchParams(search || ""));
  }

  function keyOf(prop) {
    return JSON.stringify(Object.entries(prop).sort());
  }

  function changedControls(context) {
    var changed = {};
    context.triggered.forEach(function (item) {
      var end = item.prop_id.lastIndexOf(".");
      try {
        changed[keyOf(JSON.parse(item.prop_id.slice(0, end)))] = true;
      } catch (error) {
        // Not one of the controls.
      }
    });
    return context.inputs_list[0].filter(function (control) {
      return changed[keyOf(control.id)];
    });
  }

  function write(_values, search) {
    var nothing = window.dash_clientside.no_update;
    // The store may lag behind the address bar by a moment; the address bar is right.
    var before = window.location.search || search || "";
    var params = new URLSearchParams(before);
    var controls = changedControls(window.dash_clientside.callback_context);
    controls.forEach(function (control) {
      putControl(params, control);
    });
    if (text(params) === canonical(before)) return nothing;
    var paging = controls.some(function (control) {
      return CURSORS.indexOf(control.id.key) >= 0;
    });
    if (!paging) {
      CURSORS.forEach(function (key) {
        params.delete(key);
      });
    }
    return text(params);
  }

  function valueFor(params, id) {
    if (id.kind === "list") return split(params.get(id.key) || "");
    if (id.kind === "period") return [params.get("from") || null, params.get("to") || null];
    return params.get(id.key) || id.default;
  }

  function read(search, ids, values) {
    var params = new URLSearchParams(search || "");
    ids.forEach(function (id, index) {
      var value = valueFor(params, id);
      if (JSON.stringify(value) !== JSON.stringify(values[index])) {
        window.dash_clientside.set_props(id, { value: value });
      }
    });
  }

  function nav(pathname, search, ids, shared) {
    var params = new URLSearchParams(search || "");
    Array.from(params.keys()).forEach(function (key) {
      if (shared.indexOf(key) < 0) params.delete(key);
    });
    return [
      ids.map(function (id) {
        return id.path + text(params);
      }),
      ids.map(function (id) {
        return id.path === pathname;
      }),
    ];
  }

  function title(pathname, titles) {
    document.title = (titles[pathname] || "Page not found") + " · Streamgauge";
    return window.dash_clientside.no_update;
  }

  function retry(_clicks) {
    var pressed = window.dash_clientside.callback_context.triggered.some(function (item) {
      return item.value;
    });
    return pressed ? Date.now() : window.dash_clientside.no_update;
  }

  function burger(opened, navbar) {
    // Closed on a phone, the navigation must be out of reach of the keyboard too: shell.css hides it.
    document.documentElement.toggleAttribute("data-nav-open", !!opened);
    return Object.assign({}, navbar, { collapsed: { mobile: !opened } });
  }

  function close(_pathname) {
    return false;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    streamgauge: { write: write, read: read, nav: nav, title: title, retry: retry, burger: burger, close: close },
  });
})();
