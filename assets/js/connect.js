// The Connect page: a question every two seconds, and the rows of the event debugger. A row that is there stays
// as it is, with its focus and open or not; what it holds is made by plain.js.
(function () {
  var PATIENCE = 6000; // milliseconds after which an answer is taken for lost
  var LOST = "No answer from the server; trying again.";
  var ROW = "data-sg-plain";
  var asked = 0;
  var stopped = false;

  function question() {
    asked = Date.now();
    return { at: asked, paused: stopped };
  }

  // The question to ask, and what to say about the connection.
  function beat(beats, clicks, seen) {
    var nothing = window.dash_clientside.no_update;
    if (!beats) asked = 0; // the page has just been opened
    stopped = (clicks || 0) % 2 === 1;
    if (!beats || document.hidden) return [nothing, nothing];
    var answered = !asked || (seen && seen.tick === asked);
    if (!answered && Date.now() - asked < PATIENCE) return [nothing, nothing];
    return [question(), answered ? "" : LOST];
  }

  function ask() {
    window.dash_clientside.set_props("connect-tick", { data: question() });
  }

  function pause(clicks) {
    stopped = (clicks || 0) % 2 === 1;
    if (clicks && !stopped) ask();
    var state = "sg-connect-state" + (stopped ? " sg-connect-paused" : "");
    return stopped ? ["Resume", "Paused", state] : ["Pause", "Live", state];
  }

  // A tab that is shown again does not wait for the next beat.
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden && document.getElementById("connect-events")) ask();
  });

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
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    connect: { beat: beat, pause: pause, show: show, go: go },
  });
})();
