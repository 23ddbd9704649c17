// The Realtime page asks every second.
(function () {
  var beating = window.dash_clientside.beating.of("realtime", "realtime-tick", 5000, function (number) {
    return number;
  });
  window.dash_clientside = Object.assign({}, window.dash_clientside, { realtime: { beat: beating.beat } });
})();
