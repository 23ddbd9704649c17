"""Every question x every class of its options on DuckDB and on a real Trino over the same Iceberg tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from data_access import curation
from data_access.backends import Backends, open_backends
from data_access.conditions import read as read_conditions
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Sql
from data_access.questions import QUESTIONS
from data_access.segments import save
from data_access.settings import load
from tests import question_cases
from tests.app.shop import shop
from tests.builders import EVERYONE, embedded, moment, table
from tests.contract.real_data import imported
from tests.contract.test_expected_answers import ROLES, SOURCES
from tests.question_cases import Ground
from tests.shared_data import FOLDER
from tests.trino.asked import only_when_asked, own_data
from tests.trino.compare import difference
from tests.trino.ground import Lake, ground_of, odd_events, opened
from tests.trino.server import Server
from tests.trino.tally import TALLY

only_when_asked()

OWN = own_data()
REAL = sorted(SOURCES) if FOLDER.is_dir() else []
NAMES = ["own"] if OWN else ["shop", *REAL]
"""The lakes: with a folder named, its own alone."""


@pytest.fixture(scope="module")
def lake(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Lake]:
    """Each lake, made when it is first asked for."""

    @cache
    def made(name: str) -> Lake:
        return opened(server, name, _backends(name, tmp_path_factory))

    return made


def _backends(name: str, folders: pytest.TempPathFactory) -> Backends:
    if name == "own":
        return open_backends(load({"data_dir": OWN}, {}))
    if name == "shop":
        return _shop(folders)
    file, *rest = SOURCES[name]
    return imported(folders.mktemp(name), FOLDER / name / file, *rest, **ROLES.get(name, {})).backends


def _shop(folders: pytest.TempPathFactory) -> Backends:
    """Some weeks of the small shop, curated in two steps, with changes of clocks and odd values."""
    events = list(shop(16, 60, end=moment("2024-04-08 18:00")))
    half = len(events) // 2
    backends = embedded(
        folders.mktemp("shop"), [*events[:half], *odd_events("2024-03-31 01:00:00.123", "shop")]
    )
    backends.lake.append(table([*events[half:], *events[half - 50 : half]]))
    backends.lake.curate()
    return backends


@pytest.fixture(scope="module")
def ground(lake: Callable[[str], Lake]) -> Callable[[str], Ground]:
    return cache(lambda name: ground_of(lake(name)))


Ask = Callable[[Sql], pa.Table]


def check(lake: Lake, cases: Iterable[tuple[str, Sql]], *, ordered: bool = True) -> None:
    """Fails with every case that the engines answer differently."""
    found = {}
    seen = 0
    for label, sql in cases:
        seen += 1
        said = difference(lake.on_duckdb(sql), lake.on_trino(sql), ordered=ordered)
        TALLY.engine = lake.trino.engine
        (TALLY.different if said else TALLY.equal)[lake.name] += 1
        if said:
            found[label] = said
    assert seen
    assert not found, "\n".join(f"{label}: {said}" for label, said in found.items())


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_questions_over_their_options(
    name: str, question: str, lake: Callable[[str], Lake], ground: Callable[[str], Ground]
) -> None:
    whole = name in ("shop", "own")
    options = question_cases.options(ground(name))
    more = question_cases.more_options(ground(name)) if whole else {}
    chosen = {question: options[question] + more.get(question, [])}
    check(lake(name), question_cases.asked(ground(name), chosen))


@pytest.mark.parametrize("question", [name for name in QUESTIONS if QUESTIONS[name].about_period])
@pytest.mark.parametrize("name", NAMES[:1])
def test_questions_under_every_class_of_filters(
    name: str, question: str, lake: Callable[[str], Lake], ground: Callable[[str], Ground]
) -> None:
    cases = question_cases.filtered(ground(name))
    check(lake(name), ((label, sql) for label, sql in cases if label.split()[0] == question))


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_alone(name: str, lake: Callable[[str], Lake], ground: Callable[[str], Ground]) -> None:
    check(lake(name), question_cases.measured(ground(name)))


# Whole answers: periods, comparisons, segments and what questions make of their rows


class NoCache:
    """The Cache port without a memory."""

    def get_or_compute(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        return compute(), False


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", NAMES[:1])
def test_whole_answers(
    name: str, question: str, lake: Callable[[str], Lake], ground: Callable[[str], Ground], tmp_path: Path
) -> None:
    known, about = lake(name), ground(name)
    here = replace(
        known.backends.asking, cache=NoCache(), documents=EmbeddedDocuments(tmp_path / "documents.db")
    )
    there = replace(here, warehouse=known.trino)
    where = read_conditions("country=unknown;page_path~/|entry_page=/")
    save(here.documents, EVERYONE.user, "known", where, shared=True, admin=True)
    found = {}
    for raw in _texts(question, about):
        ours, theirs = (asking.ask(question, raw, about.scope) for asking in (here, there))
        assert theirs.stamp.engine == known.trino.engine
        said = difference(ours.table, theirs.table)
        (TALLY.different if said else TALLY.equal)[name] += 1
        if said:
            found[str(raw)] = said
    assert not found, "\n".join(f"{raw}: {said}" for raw, said in found.items())


def _texts(question: str, ground: Ground) -> Iterator[dict[str, str]]:
    known = QUESTIONS[question]
    own = {name: value for name, value in ground.ask(question).values.items() if value}
    for raw in question_cases.texts(ground) if known.about_period else [{}]:
        if known.metrics or "compare" not in raw:
            yield own | raw


# Curation


CURATION = {
    "SESSIONS": (curation.SESSIONS, ""),
    "ORDERS": (curation.ORDERS, ""),
    "PLACED": (curation.PLACED, f"incoming as (select {curation.OWNER} as owner, ts from events)"),
    "INTAKE": (
        curation.INTAKE,
        "received as (select site, ts, received_at + interval '90' second as received_at, event_type,"
        " ingest_id, mod(visitor_id, 3) = 0 as repeated from events)",
    ),
}


@pytest.mark.parametrize("text", CURATION)
@pytest.mark.parametrize("name", NAMES)
def test_curation(name: str, text: str, lake: Callable[[str], Lake]) -> None:
    body, given = CURATION[text]
    if given:
        body = body.strip()
        rest = f", {body.removeprefix('with')}" if body.startswith("with") else f" {body}"
        body = f"with {given}{rest}"
    check(lake(name), [(text, Sql(body))], ordered=False)
