// The beat of the Realtime page: one question a second, none while another is under way or the tab is hidden.
(function () {
  var PATIENCE = 5000; // milliseconds after which an answer is taken for lost
  var LOST = "No answer from the server; trying again.";
  var asked = 0;
  var lost = false;

  // The number of the question to ask, and what to say about the connection.
  function beat(beats, seen) {
    var nothing = window.dash_clientside.no_update;
    if (!beats) asked = lost = 0; // the page has just been opened
    if (!beats || document.hidden) return [nothing, nothing];
    var now = Date.now();
    if (!asked || (seen && seen.tick === asked)) lost = false;
    else if (now - asked < PATIENCE) return [nothing, nothing];
    else lost = true;
    asked = now;
    return [asked, lost ? LOST : ""];
  }

  // A tab that is shown again does not wait for the next beat.
  document.addEventListener("visibilitychange", function () {
    if (document.hidden || !document.getElementById("realtime")) return;
    asked = Date.now();
    window.dash_clientside.set_props("realtime-tick", { data: asked });
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, { realtime: { beat: beat } });
})();
