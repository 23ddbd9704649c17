"""Make ``assets/vendor/world_map.json``, the country map, from Natural Earth; see README.md beside this.

Runs by hand, never in the product: ``python docs/world_map/make_world.py countries-50m.json OUT``.
Shapes go by ISO 3166-1: what ISO counts to a country is drawn as a part of it, and what has a code of its
own is a shape of its own.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pages.parts.countries import NAMES, name  # noqa: E402 - the project is no installed package

Point = tuple[float, float]
Arcs = list[list[Point]]
Ring = list[int]

WIDTH = 4000  # units of the drawing from its leftmost to its rightmost point
MERIDIAN = 11.0  # in the middle of the map; the Bering Strait is then its edge
EDGE = -168.6  # degrees of longitude: polygons west of it are drawn in the far east
DETAIL = 2.0  # square units: points whose triangle with their neighbours is smaller are left out
SMALLEST = 8.0  # square units: islands and holes smaller than this are left out
DOT = 36.0  # square units: a country with less land than this is a dot

_CODES = """
    004:AF 008:AL 010:AQ 012:DZ 016:AS 020:AD 024:AO 028:AG 031:AZ 032:AR 036:AU 040:AT 044:BS 048:BH
    050:BD 051:AM 052:BB 056:BE 060:BM 064:BT 068:BO 070:BA 072:BW 074:BV 076:BR 084:BZ 086:IO 090:SB
    092:VG 096:BN 100:BG 104:MM 108:BI 112:BY 116:KH 120:CM 124:CA 132:CV 136:KY 140:CF 144:LK 148:TD
    152:CL 156:CN 158:TW 162:CX 166:CC 170:CO 174:KM 175:YT 178:CG 180:CD 184:CK 188:CR 191:HR 192:CU
    196:CY 203:CZ 204:BJ 208:DK 212:DM 214:DO 218:EC 222:SV 226:GQ 231:ET 232:ER 233:EE 234:FO 238:FK
    239:GS 242:FJ 246:FI 248:AX 250:FR 254:GF 258:PF 260:TF 262:DJ 266:GA 268:GE 270:GM 275:PS 276:DE
    288:GH 292:GI 296:KI 300:GR 304:GL 308:GD 312:GP 316:GU 320:GT 324:GN 328:GY 332:HT 334:HM 336:VA
    340:HN 344:HK 348:HU 352:IS 356:IN 360:ID 364:IR 368:IQ 372:IE 376:IL 380:IT 384:CI 388:JM 392:JP
    398:KZ 400:JO 404:KE 408:KP 410:KR 414:KW 417:KG 418:LA 422:LB 426:LS 428:LV 430:LR 434:LY 438:LI
    440:LT 442:LU 446:MO 450:MG 454:MW 458:MY 462:MV 466:ML 470:MT 474:MQ 478:MR 480:MU 484:MX 492:MC
    496:MN 498:MD 499:ME 500:MS 504:MA 508:MZ 512:OM 516:NA 520:NR 524:NP 528:NL 531:CW 533:AW 534:SX
    535:BQ 540:NC 548:VU 554:NZ 558:NI 562:NE 566:NG 570:NU 574:NF 578:NO 580:MP 581:UM 583:FM 584:MH
    585:PW 586:PK 591:PA 598:PG 600:PY 604:PE 608:PH 612:PN 616:PL 620:PT 624:GW 626:TL 630:PR 634:QA
    638:RE 642:RO 643:RU 646:RW 652:BL 654:SH 659:KN 660:AI 662:LC 663:MF 666:PM 670:VC 674:SM 678:ST
    682:SA 686:SN 688:RS 690:SC 694:SL 702:SG 703:SK 704:VN 705:SI 706:SO 710:ZA 716:ZW 724:ES 728:SS
    729:SD 732:EH 740:SR 744:SJ 748:SZ 752:SE 756:CH 760:SY 762:TJ 764:TH 768:TG 772:TK 776:TO 780:TT
    784:AE 788:TN 792:TR 795:TM 796:TC 798:TV 800:UG 804:UA 807:MK 818:EG 826:GB 831:GG 832:JE 833:IM
    834:TZ 840:US 850:VI 854:BF 858:UY 860:UZ 862:VE 876:WF 882:WS 887:YE 894:ZM
"""
NUMERIC = dict(pair.split(":") for pair in _CODES.split())
"""ISO 3166-1 numeric to alpha-2, for the codes of the data."""

UNCODED = {"Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO"}
"""Shapes that the data gives no code. XK is user-assigned and what geolocation services say."""

PARTS = (
    ("RU", "UA", (32, 44, 37, 47)),
    ("FR", "GP", (-62, 15.5, -60.5, 17)),
    ("FR", "MQ", (-62, 14, -60.5, 15.3)),
    ("FR", "GF", (-55, 2, -51, 6)),
    ("FR", "RE", (55, -22, 56, -20)),
    ("FR", "YT", (44, -14, 46, -12)),
    ("NO", "SJ", (-10, 70.5, -7, 71.5)),
    ("NO", "SJ", (10, 74, 35, 82)),
    ("NL", "BQ", (-70, 11, -62, 18)),
    ("NZ", "TK", (-174, -10, -171, -8)),
    ("Indian Ocean Ter.", "CX", (105, -11, 106, -10)),
    ("Indian Ocean Ter.", "CC", (96, -13, 98, -11)),
)
"""Polygons that ISO counts to another code than the data: from, to, and west, south, east, north."""

TOO_SMALL = {"BV": (3.4, -54.4), "GI": (-5.35, 36.14), "TV": (179.2, -8.5), "UM": (-177.4, 28.2)}
"""Longitude and latitude of the countries that are not in the data at all."""


def equal_earth(longitude: float, latitude: float) -> Point:
    """A place in degrees on the Equal Earth projection of a sphere of radius 1; y grows northwards.

    Šavrič, Patterson, Jenny (2018): The Equal Earth map projection. International Journal of
    Geographical Information Science 33 (3), doi 10.1080/13658816.2018.1504949.
    """
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    root = math.sqrt(3)
    t = math.asin(root / 2 * math.sin(math.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * root * math.radians(longitude) * math.cos(t) / (3 * slope)
    return x, a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t


def decoded(topology: dict) -> Arcs:
    """A TopoJSON's arcs as lists of longitude and latitude."""
    (kx, ky), (dx, dy) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for steps in topology["arcs"]:
        x = y = 0
        arc = []
        for step in steps:
            x, y = x + step[0], y + step[1]
            arc.append((x * kx + dx, y * ky + dy))
        arcs.append(arc)
    return arcs


def unwrapped(arc: Sequence[Point]) -> list[Point]:
    """An arc across longitude 180 without the jump, and all of it on the side of the edge it starts on."""
    found = [arc[0]]
    for longitude, latitude in arc[1:]:
        turns = round((longitude - found[-1][0]) / 360)
        found.append((longitude - 360 * turns, latitude))
    middle = sum(longitude for longitude, _ in found) / len(found)
    turns = math.floor((middle - EDGE) / 360)
    return [(longitude - 360 * turns - MERIDIAN, latitude) for longitude, latitude in found]


def triangle(a: Point, b: Point, c: Point) -> float:
    """The area of a triangle."""
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2


def simplified(arc: Sequence[Point], detail: float) -> list[Point]:
    """An arc without the points that matter least (Visvalingam and Whyatt, 1993); both ends stay."""
    kept = list(arc)
    sizes = [math.inf, *(triangle(*kept[n - 1 : n + 2]) for n in range(1, len(kept) - 1)), math.inf]
    while len(kept) > 2:
        least = min(range(len(sizes)), key=sizes.__getitem__)
        if sizes[least] >= detail:
            break
        floor = sizes[least]
        del kept[least], sizes[least]
        for n in (least - 1, least):
            if 0 < n < len(kept) - 1:
                sizes[n] = max(floor, triangle(*kept[n - 1 : n + 2]))
    return kept


def coded(topology: dict, arcs: Arcs) -> dict[str, list[list[Ring]]]:
    """The polygons of each code, "" where there is none; a polygon is its rings, a ring its arcs."""
    found = defaultdict(list)
    for shape in topology["objects"]["countries"]["geometries"]:
        named = shape["properties"]["name"]
        code = NUMERIC.get(shape.get("id"), UNCODED.get(named, ""))
        for polygon in shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]:
            middle = center([arcs[n] if n >= 0 else arcs[~n] for n in polygon[0]])
            found[moved(code or named, middle, code)].append(polygon)
    found.pop("AQ")
    return found


def center(arcs: Sequence[Sequence[Point]]) -> Point:
    """The middle of the box around some arcs."""
    x, y = zip(*(point for arc in arcs for point in arc), strict=True)
    return (min(x) + max(x)) / 2, (min(y) + max(y)) / 2


def moved(source: str, middle: Point, code: str) -> str:
    """The code of a polygon by PARTS, or else the one it has."""
    for start, target, (west, south, east, north) in PARTS:
        if start == source and west <= middle[0] <= east and south <= middle[1] <= north:
            return target
    return code


def rings(polygons: Sequence[Sequence[Ring]], arcs: Arcs) -> Iterator[Ring]:
    """The rings around a country: without the borders inside it."""
    whole = [ring for polygon in polygons for ring in polygon]
    used = {n for ring in whole for n in ring}
    inside = {n for n in used if ~n in used}
    yield from (ring for ring in whole if not inside & set(ring))
    yield from joined_up([n for ring in whole if inside & set(ring) for n in ring if n not in inside], arcs)


def joined_up(loose: Sequence[int], arcs: Arcs) -> Iterator[Ring]:
    """Rings of arcs in any order, each going on where another ends."""
    starts = {start(n, arcs): n for n in loose}
    while starts:
        ring = [starts.pop(next(iter(starts)))]
        while (goes_on := start(~ring[-1], arcs)) in starts:
            ring.append(starts.pop(goes_on))
        yield ring


def start(n: int, arcs: Arcs) -> Point:
    """Where an arc begins; ``~n`` is arc n backwards, so it begins where n ends."""
    return arcs[n][0] if n >= 0 else arcs[~n][-1]


def outline(ring: Ring, arcs: Arcs) -> list[Point]:
    """A ring's points; the first is not repeated at the end. Empty when nothing is left of it."""
    points: list[Point] = []
    for n in ring:
        arc = arcs[n] if n >= 0 else arcs[~n][::-1]
        points += arc if not points or points[-1] != arc[0] else arc[1:]
    if points[0] == points[-1]:
        points.pop()
    return points if len(points) > 2 else []


def area(points: Sequence[Point]) -> float:
    """The area inside a ring."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*points, *points[:1]]))) / 2


def path(outlines: Sequence[Sequence[Point]]) -> str:
    """SVG path data in whole units, relative within a ring."""
    text = ""
    for points in outlines:
        whole = [(round(x), round(y)) for x, y in points]
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(whole)]
        text += f"M{whole[0][0]} {whole[0][1]}l" + " ".join(f"{x} {y}" for x, y in steps if x or y) + "z"
    return text.replace(" -", "-")


def drawn(topology: dict) -> dict:
    """The whole map: its size and each country's name with a path or, where it is tiny, a dot."""
    degrees = decoded(topology)
    polygons = coded(topology, degrees)
    flat = [[equal_earth(*point) for point in unwrapped(arc)] for arc in degrees]
    place, height = frame([flat[n if n >= 0 else ~n] for n in outer_arcs(polygons)])
    arcs = [[place(point) for point in arc] for arc in flat]
    coarse = [simplified(arc, DETAIL) for arc in arcs]
    shapes = {}
    for code, parts in polygons.items():
        exact = [outline(ring, arcs) for ring in rings(parts, degrees)]
        rough = [outline(ring, coarse) for ring in rings(parts, degrees)]
        shapes[code] = shape(exact, rough, DOT if code else 0)
    for code, (longitude, latitude) in TOO_SMALL.items():
        x, y = place(equal_earth(*unwrapped([(longitude, latitude)])[0]))
        shapes[code] = {"dot": [round(x), round(y)]}
    land = shapes.pop("")["path"]
    countries = {code: {"name": name(code)} | shapes[code] for code in sorted(shapes)}
    return {"width": WIDTH, "height": height, "land": land, "countries": countries}


def outer_arcs(polygons: dict[str, list[list[Ring]]]) -> set[int]:
    """All arcs of the countries on the map."""
    return {n for parts in polygons.values() for polygon in parts for ring in polygon for n in ring}


def frame(arcs: Arcs) -> tuple[Callable[[Point], Point], int]:
    """How projected points become points of the drawing, whose y grows downwards; and its height."""
    x, y = zip(*(point for arc in arcs for point in arc), strict=True)
    left, top, scale = min(x), max(y), WIDTH / (max(x) - min(x))
    return lambda point: ((point[0] - left) * scale, (top - point[1]) * scale), math.ceil(
        (top - min(y)) * scale
    )


def shape(exact: Sequence[Sequence[Point]], rough: Sequence[Sequence[Point]], least: float) -> dict:
    """A country's path without its smallest islands, or below an area a dot in the middle of the largest."""
    kept = [ring for ring in rough if area(ring) >= SMALLEST]
    if kept and sum(map(area, exact)) >= least:
        return {"path": path(kept)}
    x, y = center([max(exact, key=area)])
    return {"dot": [round(x), round(y)]}


def main(source: str, target: str) -> None:
    """Read a TopoJSON file, write the map, say how large it is."""
    world = drawn(json.loads(Path(source).read_text("utf-8")))
    missing = sorted(set(NAMES) - {"AQ"} - set(world["countries"]))
    if missing:
        raise SystemExit(f"no shape for {', '.join(missing)}")
    text = json.dumps(world, ensure_ascii=False, separators=(",", ":"))
    Path(target).write_text(text + "\n", "utf-8")
    dots = sum("dot" in country for country in world["countries"].values())
    print(f"{len(text.encode()) / 1000:.0f} kB, {len(world['countries'])} countries, {dots} of them dots")


if __name__ == "__main__":
    main(*sys.argv[1:])
