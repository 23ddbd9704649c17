"""What visitors do in the made-up shop: sessions to rows of events, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline import demo_shop as shop
from pipeline.demo_sessions import Flags, Ints, Period, Sessions, pick

PRODUCTS = shop.products()
_CATEGORIES = list(shop.CATEGORIES)
NAMES = (
    "page_view",
    "home_view",
    "category_view",
    "search",
    "product_view",
    "wishlist_toggle",
    "add_to_cart_click",
    "remove_from_cart_click",
    "login_success",
    "checkout_start",
    "checkout_complete",
    "error",
)
NAME = {name: index for index, name in enumerate(NAMES)}
# Pages as one list, so that an event only needs an index: fixed ones, then searches, categories, products.
HOME, CART, CHECKOUT, THANKS, LOGIN = range(5)
INFO = 5
SEARCH = INFO + len(shop.INFO_PAGES)
CATEGORY = SEARCH + len(shop.SEARCHES)
PRODUCT = CATEGORY + len(_CATEGORIES)
PAGES: tuple[tuple[str, str], ...] = (
    ("/", "Outdoor shop"),
    ("/cart", "Your cart"),
    ("/checkout", "Checkout"),
    ("/checkout/thanks", "Thank you"),
    ("/login", "Sign in"),
    *shop.INFO_PAGES,
    *((f"/search?q={term.replace(' ', '+')}", f"Search: {term}") for term in shop.SEARCHES),
    *((f"/c/{name.lower().replace(' ', '-')}", name) for name in _CATEGORIES),
    *((product.path, product.name) for product in PRODUCTS),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """One entry an event, by session and time. ``product`` is -1 without one; ``quantity`` for carts.

    ``incident`` marks the errors of the planted incident, ``landing`` the first event of a session.
    """

    session: Ints
    time: Ints
    name: Ints
    page: Ints
    product: Ints
    quantity: Ints
    incident: Flags
    landing: Flags


@dataclass(slots=True)
class _Draft:
    """Collects events in blocks: a session's blocks happen in the order they are added in."""

    blocks: list[tuple[Ints, int, Ints, Ints, Flags]] = field(default_factory=list)

    def event(self, sessions: Ints, name: str, page: Ints | int, product: Ints | int = -1) -> None:
        """Add an event for each of ``sessions`` (a session may be there more than once)."""
        size = len(sessions)
        pages, items = _spread(page, size), _spread(product, size)
        self.blocks.append((sessions, NAME[name], pages, items, np.zeros(size, dtype=bool)))

    def view(self, sessions: Ints, name: str | None, page: Ints | int, product: Ints | int = -1) -> None:
        """Add a page view and, right after it, the event that says what kind of page it was."""
        self.event(sessions, "page_view", page)
        if name:
            self.event(sessions, name, page, product)

    def mark_incident(self, marked: Flags) -> None:
        """Mark events of the last block as the incident's."""
        self.blocks[-1] = (*self.blocks[-1][:4], marked)


def _spread(value: Ints | int, size: int) -> Ints:
    return np.zeros(size, dtype=np.int64) + value


def make_rows(rng: np.random.Generator, sessions: Sessions, period: Period) -> Rows:
    """The events of all sessions, in order; those after the end of the period are left out."""
    draft = _Draft()
    people = np.flatnonzero(~sessions.bot)
    _arrive(rng, draft, sessions, people)
    product = _browse(rng, draft, people)
    _buy(rng, draft, sessions, period, product)
    _crawl(rng, draft, np.flatnonzero(sessions.bot))
    return _timed(rng, draft, sessions, period)


def _some(rng: np.random.Generator, sessions: Ints, share: float | npt.NDArray[np.float64]) -> Ints:
    return sessions[rng.random(len(sessions)) < share]


def _arrive(rng: np.random.Generator, draft: _Draft, sessions: Sessions, people: Ints) -> None:
    kind = rng.random(len(people))
    home, category, item = people[kind < 0.5], people[(kind >= 0.5) & (kind < 0.72)], people[kind >= 0.72]
    draft.view(home, "home_view", HOME)
    draft.view(category, "category_view", CATEGORY + rng.integers(0, len(_CATEGORIES), len(category)))
    chosen = _products(rng, len(item))
    draft.view(item, "product_view", PRODUCT + chosen, chosen)
    draft.event(_some(rng, people[sessions.signed_in[people]], 0.35), "login_success", LOGIN)


def _products(rng: np.random.Generator, size: int) -> Ints:
    """Random products, some far more popular than others."""
    return pick(rng, [1 / (1 + (index * 29) % len(PRODUCTS)) ** 0.7 for index in range(len(PRODUCTS))], size)


def _browse(rng: np.random.Generator, draft: _Draft, people: Ints) -> dict[int, int]:
    """Search, categories and products; the last product seen by each session."""
    people = _some(rng, people, 0.76)
    searching = _some(rng, people, 0.46)
    terms = pick(rng, shop.SEARCH_WEIGHTS, len(searching))
    draft.view(searching, "search", SEARCH + terms)
    people = np.setdiff1d(people, searching[terms >= shop.FOUND_SEARCHES])
    looking = _some(rng, people, 0.34)
    draft.view(looking, "category_view", CATEGORY + rng.integers(0, len(_CATEGORIES), len(looking)))
    draft.view(_some(rng, people, 0.06), None, INFO + int(rng.integers(0, len(shop.INFO_PAGES))))
    last: dict[int, int] = {}
    viewing = _some(rng, people, 0.84)
    while len(viewing) > 10:
        chosen = _products(rng, len(viewing))
        draft.view(viewing, "product_view", PRODUCT + chosen, chosen)
        last.update(zip(viewing.tolist(), chosen.tolist(), strict=True))
        wishing = rng.random(len(viewing)) < 0.05
        draft.event(viewing[wishing], "wishlist_toggle", PRODUCT + chosen[wishing], chosen[wishing])
        viewing = _some(rng, viewing, 0.47)
    draft.event(_some(rng, people, 0.012), "error", HOME)
    return last


def _buy(
    rng: np.random.Generator, draft: _Draft, sessions: Sessions, period: Period, last: dict[int, int]
) -> None:
    seen = np.array(sorted(last), dtype=np.int64)
    wanted = np.array([last[session] for session in seen.tolist()], dtype=np.int64)
    product = np.full(len(sessions.start), -1, dtype=np.int64)
    product[seen] = wanted
    carts = _some(rng, seen, np.where(sessions.signed_in[seen], 0.42, 0.3))
    draft.event(carts, "add_to_cart_click", PRODUCT + product[carts], product[carts])
    removed = _some(rng, carts, 0.09)
    draft.event(removed, "remove_from_cart_click", CART, product[removed])
    starts = _some(
        rng, np.setdiff1d(carts, removed), np.where(sessions.mobile, 0.52, 0.6)[np.setdiff1d(carts, removed)]
    )
    draft.view(starts, "checkout_start", CHECKOUT, product[starts])
    broken = sessions.mobile[starts] & period.in_incident(sessions.start[starts])
    failing = rng.random(len(starts)) < np.where(broken, 0.88, 0.025)
    draft.event(starts[failing], "error", CHECKOUT, product[starts[failing]])
    draft.mark_incident(broken[failing])
    done = _some(rng, starts[~failing], np.where(sessions.mobile, 0.64, 0.71)[starts[~failing]])
    draft.view(done, "checkout_complete", THANKS, product[done])


def _crawl(rng: np.random.Generator, draft: _Draft, bots: Ints) -> None:
    visits = np.repeat(bots, rng.integers(4, 24, len(bots)))
    draft.view(visits, None, PRODUCT + rng.integers(0, len(PRODUCTS), len(visits)))


def _timed(rng: np.random.Generator, draft: _Draft, sessions: Sessions, period: Period) -> Rows:
    session = np.concatenate([block[0] for block in draft.blocks])
    # Stable: blocks keep the order they were added in.
    order = np.argsort(session, kind="stable")
    session = session[order]
    name = np.concatenate([np.full(len(b[0]), b[1], dtype=np.int64) for b in draft.blocks])[order]
    landing = np.r_[True, session[1:] != session[:-1]]
    time = sessions.start[session] + _offsets(rng, name, landing)
    kept = time < period.end
    page, product = (np.concatenate([b[k] for b in draft.blocks])[order] for k in (2, 3))
    incident = np.concatenate([b[4] for b in draft.blocks])[order]
    quantity = 1 + (rng.random(len(sessions.start)) < 0.22) + (rng.random(len(sessions.start)) < 0.06)
    columns = (session, time, name, page, product, quantity[session], incident, landing)
    return Rows(*(column[kept] for column in columns))


def _offsets(rng: np.random.Generator, name: Ints, landing: Flags) -> Ints:
    """Milliseconds since the session's start: views follow their page view at once, the rest takes time."""
    views = np.isin(name, [NAME[n] for n in NAMES if n.endswith("_view") and n != "page_view"])
    follows = views | np.isin(name, [NAME["search"], NAME["checkout_start"], NAME["checkout_complete"]])
    slow = np.minimum(rng.lognormal(9.9, 0.9, len(name)), 600_000)
    gaps = np.where(follows, rng.integers(30, 400, len(name)), slow).astype(np.int64)
    gaps[landing] = 0
    total = np.cumsum(gaps)
    first = np.maximum.accumulate(np.where(landing, np.arange(len(name)), 0))
    return total - total[first]
