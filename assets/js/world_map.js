// The world map: fetches the shapes once, draws them into every .sg-map and colours them by its data-values.
// Dash may swap such an element or only its attributes; both are seen by one observer for the whole page.
(function () {
  var SVG = "http://www.w3.org/2000/svg";
  var fetched = {};
  var maps = document.getElementsByClassName("sg-map");
  var drawn = new WeakMap();

  function load(url) {
    if (!fetched[url]) {
      fetched[url] = fetch(url).then(function (response) {
        if (!response.ok) throw new Error(response.status);
        return response.json();
      });
      fetched[url].catch(function () {
        delete fetched[url]; // the next drawing tries again
      });
    }
    return fetched[url];
  }

  function svgElement(name, attributes) {
    var element = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) {
      element.setAttribute(key, attributes[key]);
    });
    return element;
  }

  function shape(country) {
    if (country.path) return svgElement("path", { class: "sg-map-shape", d: country.path });
    return svgElement("circle", { class: "sg-map-shape", cx: country.dot[0], cy: country.dot[1], r: 8 });
  }

  function build(map, world) {
    var svg = svgElement("svg", { viewBox: "0 0 " + world.width + " " + world.height });
    var state = { world: world, shapes: {}, lines: svgElement("g", {}), over: svgElement("g", {}) };
    var dots = svgElement("g", {});
    svg.append(shape({ path: world.land }));
    Object.keys(world.countries).forEach(function (code) {
      var element = shape(world.countries[code]);
      element.setAttribute("data-code", code);
      (world.countries[code].path ? svg : dots).append(element);
      state.shapes[code] = element;
    });
    svg.append(dots, state.lines, state.over);
    state.tip = document.createElement("div");
    state.tip.className = "sg-map-tip";
    state.tip.hidden = true;
    map.replaceChildren(svg, state.tip);
    listen(map, svg, state);
    return state;
  }

  function outline(element) {
    var line = element.cloneNode(false);
    line.classList.add("sg-map-line");
    line.removeAttribute("data-code");
    return line;
  }

  function paint(map, state) {
    state.values = JSON.parse(map.getAttribute("data-values"));
    state.lines.replaceChildren();
    leave(state);
    Object.keys(state.shapes).forEach(function (code) {
      var value = state.values[code];
      var element = state.shapes[code];
      if (value) element.setAttribute("data-step", value.step);
      else element.removeAttribute("data-step");
      if (value && element.localName === "circle") element.parentNode.append(element); // above the empty ones
      if (value && value.chosen) state.lines.append(outline(element));
    });
  }

  function line(tag, text, name) {
    var element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  }

  function hint(value, touch) {
    var press = touch ? "Tap again" : "Click";
    return press + (value.chosen ? " to see all countries" : " to see only this country");
  }

  function tell(map, state, code, event) {
    var value = state.values[code];
    var touch = event.pointerType === "touch";
    state.code = code;
    state.over.replaceChildren(outline(state.shapes[code]));
    state.tip.replaceChildren(line("b", state.world.countries[code].name));
    (value ? value.lines : [map.getAttribute("data-nothing")]).forEach(function (text) {
      state.tip.append(line("span", text));
    });
    if (value) state.tip.append(line("span", hint(value, touch), "sg-map-hint"));
    state.tip.hidden = false;
    place(map, state.tip, event);
  }

  function place(map, tip, event) {
    var box = map.getBoundingClientRect();
    var x = event.clientX - box.left;
    var y = event.clientY - box.top;
    var left = Math.max(0, Math.min(x - tip.offsetWidth / 2, box.width - tip.offsetWidth));
    var above = y - tip.offsetHeight - 14;
    var top = event.clientY - tip.offsetHeight - 14 > 60 ? above : y + 20; // the header covers the page's top
    tip.style.transform = "translate(" + Math.round(left) + "px," + Math.round(top) + "px)";
  }

  function leave(state) {
    state.code = null;
    state.tip.hidden = true;
    state.over.replaceChildren();
  }

  function listen(map, svg, state) {
    var armed = null; // the country a finger has tapped once

    function at(event) {
      return event.target.getAttribute("data-code");
    }

    svg.addEventListener("pointermove", function (event) {
      if (event.pointerType === "touch") return;
      var code = at(event);
      if (!code) leave(state);
      else if (code !== state.code) tell(map, state, code, event);
      else place(map, state.tip, event);
    });
    svg.addEventListener("pointerleave", function (event) {
      if (event.pointerType !== "touch") leave(state);
    });
    svg.addEventListener("click", function (event) {
      var code = at(event);
      var again = armed === code && !state.tip.hidden;
      if (!code) return leave(state);
      if (event.pointerType === "touch" && !again) {
        armed = code;
        return tell(map, state, code, event);
      }
      if (state.values[code]) go(state.values[code].href);
    });
  }

  function go(href) {
    window.dash_clientside.set_props("url", { search: new URL(href, window.location.href).search });
  }

  function failed(map) {
    map.replaceChildren(line("p", "The map could not be loaded. The table has the same numbers.", "sg-map-failed"));
  }

  function draw(map) {
    var values = map.getAttribute("data-values");
    var known = drawn.get(map);
    if (known && known.text === values) return;
    drawn.set(map, { text: values, state: known && known.state });
    load(map.getAttribute("data-shapes")).then(
      function (world) {
        var entry = drawn.get(map);
        if (!entry) return;
        entry.state = entry.state || build(map, world);
        paint(map, entry.state);
      },
      function () {
        failed(map);
      },
    );
  }

  function drawAll() {
    for (var index = 0; index < maps.length; index += 1) draw(maps[index]);
  }

  new MutationObserver(drawAll).observe(document.documentElement, {
    attributeFilter: ["data-values"],
    childList: true,
    subtree: true,
  });
  drawAll();
})();
