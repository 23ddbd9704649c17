// The step builder draws its rows anew after a button: put the focus back where the work goes on, and say it.
(function () {
  function after(action, step, row, count) {
    var number = step + 1;
    switch (action) {
      case "add":
        return ["Step " + (count + 1), "Step " + (count + 1) + " added"];
      case "up":
        return ["Move Step " + (number - 1) + (number > 2 ? " up" : " down"), "Now step " + (number - 1)];
      case "down":
        return ["Move Step " + (number + 1) + (number + 1 < count ? " down" : " up"), "Now step " + (number + 1)];
      case "remove":
        return ["Remove Step " + Math.min(number, count - 1), "Step " + number + " removed"];
      case "add-condition":
        return ["Step " + number + ", condition " + (row + 1) + ": property", "Condition added"];
      default:
        return ["Add a condition to Step " + number, "Condition removed"];
    }
  }

  function focusLabelled(label) {
    var found = document.querySelector('[aria-label="' + label + '"]');
    // At the least number of steps there is nothing to remove any more: go on at adding one.
    if (found && found.disabled) found = document.querySelector(".sg-steps-add");
    if (found) found.focus();
    return !!found;
  }

  function say(text) {
    var place = document.getElementById("steps-said");
    if (place) place.textContent = text;
  }

  function restore(target) {
    var ends = Date.now() + 4000;
    var observer = new MutationObserver(function () {
      var lost = document.activeElement === document.body || !document.activeElement;
      if (Date.now() > ends || (lost && focusLabelled(target[0]))) {
        observer.disconnect();
        say(target[1]);
      }
    });
    observer.observe(document.body, { childList: true, subtree: true });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest('[id*="step-action"]');
    if (!button) return;
    var id = JSON.parse(button.id);
    var rows = document.querySelectorAll(".sg-step");
    var row = id.do === "add-condition" ? rows[id.step].querySelectorAll(".sg-condition").length : id.row;
    // The pressed button lives on for a moment; without the focus its loss can be told from a new choice.
    button.blur();
    restore(after(id.do, id.step, row, rows.length));
  });
})();
