// The Connect page: a question every two seconds, and the rows of the event debugger. A row that is there stays
// as it is, with its focus and open or not; what it holds is made by plain.js.
(function () {
  var ROW = "data-sg-plain";
  var stopped = false;

  var beating = window.dash_clientside.beating.of("connect-events", "connect-tick", 6000, function (number) {
    return { at: number, paused: stopped };
  });

  function beat(beats, clicks, seen) {
    stopped = (clicks || 0) % 2 === 1;
    return beating.beat(beats, seen);
  }

  function pause(clicks) {
    stopped = (clicks || 0) % 2 === 1;
    if (clicks && !stopped) beating.ask();
    var state = "sg-connect-state" + (stopped ? " sg-connect-paused" : "");
    return stopped ? ["Resume", "Paused", state] : ["Pause", "Live", state];
  }

  function made(key, content, live) {
    var row = document.createElement("li");
    row.dataset.key = key;
    if (live) row.className = "sg-arrival-new";
    row.setAttribute(ROW, content);
    return row;
  }

  function show(sent) {
    var list = document.getElementById("connect-events");
    if (!list || !sent) return;
    var kept = new Map();
    Array.from(list.children).forEach(function (row) {
      if (sent.order.indexOf(row.dataset.key) < 0) row.remove();
      else kept.set(row.dataset.key, row);
    });
    sent.order.forEach(function (key, index) {
      var row = kept.get(key) || (sent.rows[key] && made(key, sent.rows[key], sent.live));
      if (row && list.children[index] !== row) list.insertBefore(row, list.children[index] || null);
    });
  }

  function go(next) {
    if (next && typeof next.href === "string") window.location.assign(next.href);
    if (next && typeof next.search === "string") window.dash_clientside.set_props("url", { search: next.search });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    connect: { beat: beat, pause: pause, show: show, go: go },
  });
})();
