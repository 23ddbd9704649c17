// Findings: the opened one, the rows that are chosen, and the forms to change them.
(function () {
  var FINDING = { type: "param", key: "finding", default: "", kind: "text" };
  var wasOpen = false;

  function set(id, props) {
    window.dash_clientside.set_props(id, props);
  }

  // The query without the opened finding: the cards are drawn from it, and not again when one is opened.
  function query(search, _retry, kept) {
    var params = new URLSearchParams(search || "");
    params.delete("finding");
    var found = "?" + params.toString();
    return found === kept ? window.dash_clientside.no_update : found;
  }

  function show(finding) {
    return !!finding;
  }

  function closed(opened, kept) {
    // The drawer also starts closed, before the link's finding has been read.
    if (wasOpen && !opened && kept) set(FINDING, { value: "" });
    wasOpen = !!opened;
  }

  function boxes() {
    return Array.from(document.querySelectorAll("#findings-table .sg-pick-one"));
  }

  function tick(box, on) {
    box.setAttribute("aria-checked", on ? "true" : "false");
  }

  function isTicked(box) {
    return box.getAttribute("aria-checked") === "true";
  }

  function note() {
    var picked = {};
    var all = boxes();
    all.filter(isTicked).forEach(function (box) {
      picked[box.dataset.key] = Number(box.dataset.version);
    });
    var count = Object.keys(picked).length;
    var first = document.querySelector("#findings-table .sg-pick-all");
    if (first) first.setAttribute("aria-checked", !count ? "false" : count === all.length ? "true" : "mixed");
    set("findings-picked", { data: picked });
  }

  var last = null;

  document.addEventListener("click", function (event) {
    var box = event.target.closest(".sg-pick");
    if (!box) return;
    var on = !isTicked(box);
    var all = boxes();
    if (box.classList.contains("sg-pick-all")) {
      all.forEach(function (one) {
        tick(one, on);
      });
    } else {
      var at = all.indexOf(box);
      var from = event.shiftKey && last !== null && last < all.length ? last : at;
      all.slice(Math.min(from, at), Math.max(from, at) + 1).forEach(function (one) {
        tick(one, on);
      });
      last = at;
    }
    note();
  });

  // Rows drawn anew are not chosen any more: what is chosen is always what is seen.
  function redrawn() {
    last = null;
    set("findings-picked", { data: {} });
  }

  function changed(at) {
    if (at) set("retry", { data: at });
  }

  function mute(status) {
    return status !== "SUPPRESSED";
  }

  function clear(where) {
    if (!document.getElementById("work-open")) return; // who may not change findings has no forms
    var id = "work-" + where + "-";
    var empty = { status: "keep", reason: "", until: null, assignee: "keep", note: "" };
    Object.keys(empty).forEach(function (name) {
      set(id + name, { value: empty[name] });
    });
    set(id + "said", { children: "" });
  }

  // What was filled in for one finding is not meant for the next.
  function fresh(_finding) {
    clear("one");
    if (!document.getElementById("work-open")) return;
    set("work-one-undo", { hidden: true });
    set("work-one-last", { data: null });
  }

  // After a change, Apply waits for the form to be opened anew: by then another choice is meant. How the change
  // went, and its undoing, stay to be seen.
  function opening(clicks, idle) {
    if (!clicks) return window.dash_clientside.no_update;
    if (idle) {
      clear("many");
      set("work-many-apply", { disabled: false });
    }
    return true;
  }

  // Markdown leaves links that lead to no web page in place; they lead nowhere.
  document.addEventListener("click", function (event) {
    var link = event.target.closest(".sg-markdown a");
    if (link && link.protocol !== "https:" && link.protocol !== "http:") event.preventDefault();
  });

  function words(count, what) {
    return count.toLocaleString("en") + " finding" + (count === 1 ? "" : "s") + what;
  }

  function count(picked, matching) {
    var chosen = Object.keys(picked || {}).length;
    var total = matching || 0;
    if (chosen) return ["Change " + chosen.toLocaleString("en") + " chosen…", words(chosen, " chosen on this page.")];
    return ["Change all " + total.toLocaleString("en") + "…", words(total, " that match the filters, on every page.")];
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    findings: {
      query: query,
      show: show,
      closed: closed,
      redrawn: redrawn,
      changed: changed,
      mute: mute,
      fresh: fresh,
      opening: opening,
      count: count,
    },
  });
})();
