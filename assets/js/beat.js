// When a page that keeps itself up to date asks: at every beat, but neither while an answer is under way nor in
// a hidden tab; at once when the tab is shown again.
(function () {
  var LOST = "No answer from the server; trying again.";

  // page: id of an element of the page; tick: id of the store whose change asks; patience: milliseconds after
  // which an answer is taken for lost; question: what to ask, given the number by which its answer is known.
  function beating(page, tick, patience, question) {
    var asked = 0;

    function next() {
      asked = Date.now();
      return question(asked);
    }

    function ask() {
      window.dash_clientside.set_props(tick, { data: next() });
    }

    // The question to ask, and what to say about the connection. "seen" holds the number last answered.
    function beat(beats, seen) {
      var nothing = window.dash_clientside.no_update;
      if (!beats) asked = 0; // the page has just been opened
      if (!beats || document.hidden) return [nothing, nothing];
      var answered = !asked || (seen && seen.tick === asked);
      if (!answered && Date.now() - asked < patience) return [nothing, nothing];
      return [next(), answered ? "" : LOST];
    }

    document.addEventListener("visibilitychange", function () {
      if (!document.hidden && document.getElementById(page)) ask();
    });
    return { beat: beat, ask: ask };
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { beating: { of: beating } });
})();
