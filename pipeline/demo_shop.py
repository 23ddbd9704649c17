"""The made-up shop of the demo data: its products, visitors' origins, pages and weights."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "https://shop.example"
CURRENCY = "EUR"
FOREIGN: dict[str, str] = {"US": "USD"}
"""Countries whose orders are paid in another currency."""

CATEGORIES: dict[str, tuple[str, tuple[float, float]]] = {
    "Backpacks": ("backpack", (39.0, 189.0)),
    "Tents": ("tent", (89.0, 549.0)),
    "Sleeping bags": ("sleeping bag", (59.0, 329.0)),
    "Boots": ("boots", (79.0, 289.0)),
    "Jackets": ("jacket", (69.0, 399.0)),
    "Cookware": ("cook set", (15.0, 99.0)),
    "Lamps": ("lamp", (12.0, 89.0)),
    "Bottles": ("bottle", (9.0, 45.0)),
}
BRANDS = ("Nordhang", "Talwind", "Kiesel & Co", "Moorfuchs", "Altmark", "Fernpfad", "Quellgrat")
UNBRANDED = ("Hafen bottle", "Glen cook set")
"""Products that nobody gave a brand."""
MODELS = ("Aura", "Birke", "Comet", "Delta", "Elster", "Falke", "Glen", "Hafen")

# Country, region of its first city, weight.
COUNTRIES = (
    ("DE", "Berlin", 0.38),
    ("AT", "Wien", 0.10),
    ("CH", "Zürich", 0.09),
    ("FR", "Île-de-France", 0.10),
    ("NL", "Noord-Holland", 0.08),
    ("GB", "England", 0.08),
    ("IT", "Lombardia", 0.06),
    ("PL", "Mazowieckie", 0.05),
    ("US", "New York", 0.06),
)

# Channel, referrer, utm_source, utm_medium, utm_campaign, weight.
ORIGINS: tuple[tuple[str, str | None, str | None, str | None, str | None, float], ...] = (
    ("direct", None, None, None, None, 0.24),
    ("organic_search", "https://www.google.com/", None, None, None, 0.27),
    ("organic_search", "https://www.bing.com/", None, None, None, 0.04),
    ("paid_search", "https://www.google.com/", "google", "cpc", "brand", 0.09),
    ("paid_search", "https://www.google.com/", "google", "cpc", "tents", 0.07),
    ("email", None, "newsletter", "email", "weekly", 0.11),
    ("social", "https://www.instagram.com/", "instagram", "social", "trail", 0.07),
    ("social", "https://www.facebook.com/", None, None, None, 0.03),
    ("referral", "https://outdoor-magazine.example/best-tents", None, None, None, 0.05),
    ("affiliate", "https://deals.example/", "deals", "affiliate", "autumn", 0.03),
)

# Device, browser, system, weight.
DEVICES = (
    ("desktop", "Chrome", "Windows", 0.24),
    ("desktop", "Firefox", "Windows", 0.06),
    ("desktop", "Safari", "Mac OS X", 0.09),
    ("desktop", "Firefox", "Linux", 0.03),
    ("mobile", "Chrome Mobile", "Android", 0.27),
    ("mobile", "Mobile Safari", "iOS", 0.25),
    ("tablet", "Mobile Safari", "iOS", 0.04),
    ("tablet", "Chrome", "Android", 0.02),
)
BOT = ("bot", "Googlebot", "Other")

# Search term, weight.
_FOUND = (
    ("tent", 0.15), ("hiking boots", 0.13), ("rain jacket", 0.12), ("sleeping bag", 0.10),
    ("backpack 40l", 0.09), ("light tent", 0.07), ("headlamp", 0.07), ("camping stove", 0.06),
    ("water bottle", 0.05), ("down jacket", 0.05), ("trekking", 0.03), ("gift", 0.02),
)  # fmt: skip
_NOT_SOLD = (("kayak", 0.022), ("climbing rope", 0.016), ("bike bags", 0.012), ("snowshoes", 0.006))
SEARCHES, SEARCH_WEIGHTS = zip(*_FOUND, *_NOT_SOLD, strict=True)
FOUND_SEARCHES = len(_FOUND)
"""Whoever searches for a later one finds nothing and leaves."""
INFO_PAGES = (
    ("/about", "About us"),
    ("/delivery", "Delivery"),
    ("/returns", "Returns"),
    ("/journal", "Journal"),
)

# Share of the day's sessions that starts in each hour (UTC), and of the week's on each day from Monday.
HOURS = (6, 4, 3, 3, 4, 8, 16, 26, 34, 40, 44, 48, 52, 48, 44, 44, 48, 56, 68, 78, 76, 58, 32, 14)
WEEKDAYS = (1.0, 0.96, 0.95, 0.98, 1.02, 1.18, 1.34)


@dataclass(frozen=True, slots=True)
class Product:
    """One product; ``discount`` is None when it is sold at its list price."""

    id: str
    name: str
    category: str
    brand: str | None
    price: float
    discount: float | None

    @property
    def path(self) -> str:
        """Its page."""
        return f"/p/{self.id.lower()}"


def products() -> tuple[Product, ...]:
    """All 64 products, always the same ones."""
    made = []
    for row, (category, (noun, (low, high))) in enumerate(CATEGORIES.items()):
        for column, model in enumerate(MODELS):
            position = (column * 5 + row * 3) % len(MODELS) / (len(MODELS) - 1)
            name = f"{model} {noun}"
            price = round(low + (high - low) * position**1.6) - 0.05
            discount = round(price * 0.8, 2) if (row + column) % 3 == 0 else None
            made.append(
                Product(
                    id=f"{noun[:3].upper()}-{row}{column:02d}",
                    name=name,
                    category=category,
                    brand=None if name in UNBRANDED else BRANDS[(row * 2 + column) % len(BRANDS)],
                    price=price,
                    discount=discount,
                )
            )
    return tuple(made)
