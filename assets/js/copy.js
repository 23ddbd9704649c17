// Buttons that copy the code beside them.
(function () {
  var SHOWN = 2000; // milliseconds for which a button says so
  var timers = new WeakMap();

  function say(text) {
    var place = document.getElementById("copied");
    if (place) place.textContent = text;
  }

  function done(button) {
    clearTimeout(timers.get(button));
    button.setAttribute("data-sg-copy", "done");
    say("Copied");
    timers.set(
      button,
      setTimeout(function () {
        button.setAttribute("data-sg-copy", "");
        say("");
      }, SHOWN)
    );
  }

  // Where there is no clipboard to write to: not on a secure page, or not allowed.
  function byHand(code) {
    var range = document.createRange();
    range.selectNodeContents(code);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    var copied = document.execCommand("copy");
    if (copied) selection.removeAllRanges();
    return copied;
  }

  function copy(button) {
    var code = button.closest(".sg-code").querySelector("code");
    var written = navigator.clipboard ? navigator.clipboard.writeText(code.textContent) : Promise.reject();
    written.then(
      function () {
        done(button);
      },
      function () {
        if (byHand(code)) done(button);
        else say("Selected: copy it with the keyboard");
      }
    );
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-sg-copy]");
    if (button) copy(button);
  });
})();
