"""Whether a script in disguise ran, became an element, or is seen as the text it is; what policies stop."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.browser.visits import Visit

WATCH = """(() => {
    window.told = [];
    const told = what => { window.told.push(what); console.error(what); };
    const ran = number => told(`payload ${number} ran`);
    Object.defineProperty(window, '__xss', {get: () => undefined, set: ran});
    document.addEventListener('securitypolicyviolation', found => told(
        `policy: ${found.effectiveDirective} stopped ${found.blockedURI} in line ${found.lineNumber}`
    ));
})()"""
"""Runs before anything of a page: what payloads set and what the policy stops is told on the console."""

ELEMENTS = """() => {
    const all = [...document.querySelectorAll('*')];
    const runs = (one, name) => /^(href|src|action|formaction|xlink:href|data|poster)$/i.test(name)
        && /^[\\s\\x00-\\x1f]*(javascript|vbscript|data:text)/i.test(one.getAttribute(name))
        && one.getAttribute(name) !== 'javascript:void(0)';  // what Markdown makes of what leads nowhere
    return all.filter(one => one.matches('iframe, object, embed, base, math, mglyph, marquee, img[src=x]')
        || [...one.attributes].some(({name}) => /^(on|srcdoc$)/i.test(name) || runs(one, name))
        || [one.src, one.href].some(link => /^https?:[/][/]xss[.]invalid/.test(String(link)))
        || (one.tagName === 'SCRIPT' && one.type !== 'application/json' && /__xss/.test(one.textContent))
    ).map(one => one.outerHTML.slice(0, 300));
}"""
"""What became of a payload that is not text."""

TEXTS = """payloads => {
    const found = [], note = (text, one, how) => payloads.forEach(([number, forms]) => {
        if (!forms.some(form => text.includes(form)) || !one.checkVisibility()) return;
        const named = one.closest('[id]:not([id^=":"])'), raw = named ? named.id : 'page';
        found.push([raw[0] === '{' ? JSON.parse(raw).type : raw.replace(/-[0-9]+$/, ''), how, number]);
    });
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let one = walk.nextNode(); one; one = walk.nextNode()) {
        if (one.nodeType === Node.TEXT_NODE) note(one.data, one.parentElement, 'text');
        else {
            for (const name of ['title', 'aria-label', 'placeholder', 'data-sg-tip'])
                if (one.hasAttribute(name)) note(one.getAttribute(name), one, name);
            if (one.matches('input, textarea')) note(one.value, one, 'value');
        }
    }
    return found;
}"""
"""Where payloads are seen: the id of what they stand in, how (text or an attribute), and which."""

PRESS = """selector => {
    const seen = found => found.checkVisibility() && !found.disabled;
    const one = [...document.querySelectorAll(selector)].find(seen);
    if (one) { one.focus(); one.click(); }
    return !!one;
}"""

Seen = dict[str, dict[str, set[int]]]


class Watcher:
    """A visit that is looked at for payloads after everything that is done on it."""

    def __init__(self, visit: Visit, payloads: Sequence[str]) -> None:
        self.visit, self.page = visit, visit.page
        # As they stand, as JSON, and without the white space at their ends that chips and names do without.
        self.payloads = [[n + 1, [one, json.dumps(one)[1:-1], one[:60]]] for n, one in enumerate(payloads)]
        self.page.add_init_script(WATCH)
        self.page.on("dialog", lambda dialog: visit.problems.append(f"dialog: {dialog.message}"))
        self.seen: dict[str, Seen] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
        self.looks, self.wrong = 0, list[str]()

    def look(self, page: str, refused: bool = False) -> None:
        """Note what is wrong now, and which payloads are seen as text; ``refused`` where the address is one
        that has to be refused, which browsers tell on the console."""
        self.looks += 1
        problems, self.visit.problems = self.visit.problems, []
        wrong = [one for one in problems if not (refused and ("status of 4" in one or one[:1] == "4"))]
        wrong += [f"became an element: {one}" for one in self.page.evaluate(ELEMENTS)]
        self.wrong += [f"{self.page.url[:200]}: {one}" for one in wrong]
        for place, how, number in self.page.evaluate(TEXTS, self.payloads):
            self.seen[page][place][how].add(number)

    def numbers(self, page: str) -> set[int]:
        """Which payloads were seen on a page."""
        return {one for how in self.seen[page].values() for numbers in how.values() for one in numbers}

    def report(self) -> str:
        """A table of the places where payloads were seen as text."""
        lines = []
        for page, places in self.seen.items():
            lines.append(
                f"{page}: {len(self.numbers(page))} of {len(self.payloads)} payloads in {len(places)} places"
            )
            for place, ways in sorted(places.items()):
                told = ", ".join(f"{how} {len(numbers)}" for how, numbers in sorted(ways.items()))
                lines.append(f"    {place}: {told}")
        return "\n".join([f"{self.looks} looks, {len(self.wrong)} wrong", *lines])


def act(page: Any, selector: str) -> bool:
    """Press the first of something that is seen, where there is one; what lies over it does not matter."""
    pressed: bool = page.evaluate(PRESS, selector)
    return pressed
