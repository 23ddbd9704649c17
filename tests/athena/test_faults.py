"""What can go wrong with Athena: people are told in time, and nothing runs on that nobody waits for.

Time is a clock of the test's, so nothing here is waited for; "in time" is by that clock, and a test that
hangs fails by the real one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from data_access import query_errors
from data_access.aws import clients
from data_access.backends import Backends
from data_access.model import Sql, Version
from data_access.ports import QueryError
from data_access.query_errors import (
    MoreRunsNeeded,
    NotAllowed,
    NotReached,
    QueryCancelled,
    QueryFailed,
    QueryThrottled,
    QueryTimedOut,
    ResultMissing,
    ScanCapHit,
)
from tests.athena.double import ALWAYS, AthenaDouble, Fault, Outcome
from tests.athena.parts import Athena, athena_over
from tests.builders import embedded, event

SECONDS = 60
REAL_SECONDS = 10
SECRET = Sql("select event_name from events where event_name = :name", {"name": "secret-value"})

RESET = Fault(reset=True)
LOST = Fault(reset=True, after=True)
THROTTLED = Fault("TooManyRequestsException", "Rate exceeded")
THROTTLED_BY_GATEWAY = Fault("ThrottlingException", "Rate exceeded")
EXPIRED = Fault("ExpiredTokenException", "The security token included in the request is expired")
DENIED = Fault(
    "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/web is not authorized to perform: athena:StartQueryExecution on"
    " resource: arn:aws:athena:eu-central-1:123456789012:workgroup/streamgauge",
)
BROKEN = Fault("InternalServerException", "", 500)
SLOW_DOWN = Fault("SlowDown", "Please reduce your request rate.", 503)


@dataclass(frozen=True)
class Case:
    """What is scripted, what people are told, and whether the query has to be stopped."""

    name: str
    script: Callable[[AthenaDouble], None]
    error: type[QueryError]
    stopped: bool = False


def ends(state: str, reason: str) -> Callable[[AthenaDouble], None]:
    return lambda double: double.next(Outcome(state, reason, looks=2))


def always(operation: str, fault: Fault) -> Callable[[AthenaDouble], None]:
    return lambda double: double.fail(operation, fault, times=ALWAYS)


def slow(double: AthenaDouble) -> None:
    double.next(Outcome(looks=ALWAYS))


def lost_while_slow(double: AthenaDouble) -> None:
    slow(double)
    double.fail("GetQueryExecution", RESET, times=ALWAYS)


def expired_while_slow(double: AthenaDouble) -> None:
    slow(double)
    double.fail("GetQueryExecution", EXPIRED, times=ALWAYS)


def no_file(double: AthenaDouble) -> None:
    double.next(Outcome(file=None))


def slow_and_cannot_be_stopped(double: AthenaDouble) -> None:
    slow(double)
    double.fail("StopQueryExecution", RESET, times=ALWAYS)


CASES = (
    Case("failed", ends("FAILED", "GENERIC_INTERNAL_ERROR: select secret-value from events"), QueryFailed),
    Case("cancelled by someone else", ends("CANCELLED", "Query cancelled by user"), QueryCancelled),
    Case(
        "scan cap",
        ends("CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded"),
        ScanCapHit,
    ),
    Case(
        "scan cap as a failure", ends("FAILED", "QUERY_FAILED: Bytes scanned limit was exceeded"), ScanCapHit
    ),
    Case("more to maintain", ends("FAILED", "ICEBERG_VACUUM_MORE_RUNS_REQUIRED: again"), MoreRunsNeeded),
    Case("memory", ends("FAILED", "Query exhausted resources at this scale factor"), ScanCapHit),
    Case("Athena's own time limit", ends("FAILED", "Query timeout"), QueryTimedOut),
    Case("no right to the files", ends("FAILED", "PERMISSION_DENIED: Access Denied (S3)"), NotAllowed),
    Case("files throttled", ends("FAILED", "Please reduce your request rate (SlowDown)"), QueryThrottled),
    Case("throttled for good", always("StartQueryExecution", THROTTLED), QueryThrottled),
    Case("looks throttled for good", always("GetQueryExecution", THROTTLED_BY_GATEWAY), QueryThrottled, True),
    Case("slow", slow, QueryTimedOut, True),
    Case("slow and cannot be stopped", slow_and_cannot_be_stopped, QueryTimedOut, True),
    Case("token expired before", always("StartQueryExecution", EXPIRED), NotAllowed),
    Case("token expired while waiting", expired_while_slow, NotAllowed, True),
    Case("no right to the workgroup", always("StartQueryExecution", DENIED), NotAllowed),
    Case("network lost while waiting", lost_while_slow, NotReached, True),
    Case("Athena broken", always("StartQueryExecution", BROKEN), NotReached),
    Case("no columns", always("GetQueryResults", BROKEN), NotReached, True),
    Case("result file missing", no_file, ResultMissing, True),
    Case(
        "no right to the result file",
        always("GET", Fault("AccessDenied", "Access Denied", 403)),
        NotAllowed,
        True,
    ),
    Case("token expired before the result", always("GET", EXPIRED), NotAllowed, True),
    Case("result lost while reading", always("GET", RESET), NotReached, True),
    Case("result throttled for good", always("GET", SLOW_DOWN), QueryThrottled, True),
)


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    return embedded(tmp_path_factory.mktemp("lake"), [event("secret-value")])


@pytest.fixture(scope="module")
def standing(backends: Backends) -> Iterator[Athena]:
    with athena_over(backends, query_seconds=SECONDS) as found:
        yield found


@pytest.fixture
def athena(standing: Athena) -> Athena:
    standing.reset()
    return standing


@pytest.fixture
def version(backends: Backends) -> Version:
    return backends.lake.snapshot()


def told(athena: Athena, version: Version) -> QueryError:
    """The error of a question, which comes before the deadline and says nothing it should not."""
    began = time.monotonic()
    with pytest.raises(QueryError) as raised:
        athena.warehouse.table(SECRET, version)
    assert time.monotonic() - began < REAL_SECONDS
    assert athena.clock.now <= SECONDS + 3  # to stop it may be tried three seconds
    error, message = raised.value, str(raised.value).lower()
    for word in ("select", "event_name", "secret-value", "arn:", "s3", "streamgauge", "athena"):
        assert word not in message
    assert message.endswith(".")
    return error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_people_are_told_what_went_wrong(case: Case, athena: Athena, version: Version) -> None:
    case.script(athena.double)
    error = told(athena, version)
    assert type(error) is case.error
    assert (athena.double.count("StopQueryExecution") > 0) == case.stopped


def test_every_class_of_error_is_tried_here() -> None:
    every = {name for name, kind in vars(query_errors).items() if isinstance(kind, type) and name[0] != "_"}
    assert {case.error.__name__ for case in CASES} == every - {"QueryError"}


def test_after_an_error_the_next_question_is_answered(athena: Athena, version: Version) -> None:
    ends("FAILED", "GENERIC_INTERNAL_ERROR")(athena.double)
    told(athena, version)
    assert athena.warehouse.table(SECRET, version).num_rows == 1


# Errors that pass


@pytest.mark.parametrize(
    ("operation", "fault", "times"),
    [
        ("StartQueryExecution", THROTTLED, 5),
        ("StartQueryExecution", RESET, 3),
        ("StartQueryExecution", LOST, 2),
        ("GetQueryExecution", THROTTLED, 5),
        ("GetQueryExecution", RESET, 3),
        ("GetQueryExecution", BROKEN, 1),
        ("GetQueryResults", THROTTLED, 3),
        ("GET", RESET, 2),
        ("GET", SLOW_DOWN, 2),
    ],
    ids=str,
)
def test_what_passes_is_not_seen(
    operation: str, fault: Fault, times: int, athena: Athena, version: Version
) -> None:
    athena.double.fail(operation, fault, times=times)
    assert athena.warehouse.table(SECRET, version).to_pylist() == [{"event_name": "secret-value"}]
    assert len(athena.double.texts) == 1, "the query ran more than once"
    tokens = {body["ClientRequestToken"] for body in athena.double.bodies("StartQueryExecution")}
    assert len(tokens) == 1
    assert athena.double.count(operation) > times
    assert athena.double.count("StopQueryExecution") == 0


def test_who_is_throttled_comes_back_later_and_later(athena: Athena, version: Version) -> None:
    athena.double.fail("StartQueryExecution", THROTTLED, times=ALWAYS)
    told(athena, version)
    slept = athena.clock.slept
    assert len(slept) == 8
    assert slept[0] <= 0.2
    assert min(slept[5:]) >= 2.5
    assert max(slept) <= 5


def test_the_deadline_comes_before_the_last_attempt(backends: Backends, version: Version) -> None:
    with athena_over(backends, query_seconds=5) as athena:
        athena.double.fail("StartQueryExecution", THROTTLED, times=ALWAYS)
        assert type(told(athena, version)) is QueryThrottled
        assert athena.clock.now < 5


# Credentials and set-up


def test_a_key_nobody_knows(backends: Backends, version: Version) -> None:
    with athena_over(backends, "wrong", query_seconds=SECONDS) as athena:
        assert type(told(athena, version)) is NotAllowed
        assert athena.double.count("StartQueryExecution") == 1, "wrong credentials do not become right"


def test_no_credentials_at_all(
    backends: Backends, version: Version, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with athena_over(backends, query_seconds=SECONDS) as athena:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bare = replace(athena, warehouse=athena.anew())
        assert type(told(bare, version)) is NotAllowed
        assert athena.double.asked == []


def test_a_workgroup_that_is_not_there(athena: Athena, version: Version) -> None:
    athena.double.workgroup = "another"
    assert type(told(athena, version)) is NotAllowed


def test_nobody_answers(backends: Backends, version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.1)
    with athena_over(backends, query_seconds=SECONDS) as athena:
        athena.double.fail("GetQueryExecution", Fault(silent=True), times=ALWAYS)
        assert type(told(athena, version)) is NotReached
        assert athena.double.count("StopQueryExecution") == 1


def test_nobody_listens(backends: Backends, version: Version) -> None:
    with athena_over(backends, query_seconds=SECONDS) as athena:
        athena.double.close()
        assert type(told(athena, version)) is NotReached


def test_the_workgroups_cap_is_respected(backends: Backends, version: Version) -> None:
    with athena_over(backends, query_seconds=SECONDS, cap=10) as athena:
        error = told(athena, version)
    assert type(error) is ScanCapHit
    assert "Choose a shorter period" in str(error)


# What is read is no answer


@pytest.mark.parametrize("body", [b"", b'"event_name"\n"a","b"\n', b"\xff\xfe\n\xff\n"])
def test_a_file_that_is_no_answer(body: bytes, athena: Athena, version: Version) -> None:
    athena.double.next(Outcome(file=body))
    assert type(told(athena, version)) is ResultMissing


# Nobody waits any more


def test_a_stream_left_early_is_stopped(athena: Athena, version: Version) -> None:
    stream = athena.warehouse.stream(SECRET, version)
    assert next(stream).num_rows == 1
    stream.close()  # type: ignore[attr-defined]
    assert athena.double.count("StopQueryExecution") == 1


def test_a_stream_read_to_its_end_is_not_stopped(athena: Athena, version: Version) -> None:
    assert sum(batch.num_rows for batch in athena.warehouse.stream(SECRET, version)) == 1
    assert athena.double.count("StopQueryExecution") == 0


@pytest.mark.parametrize("abort", [KeyboardInterrupt, SystemExit, RuntimeError])
@pytest.mark.parametrize("verb", ["table", "schema", "stream"])
def test_who_is_interrupted_while_waiting_has_it_stopped(
    verb: str, abort: type[BaseException], athena: Athena, version: Version
) -> None:
    slow(athena.double)

    def interrupted(seconds: float) -> None:
        athena.clock.sleep(seconds)
        if len(athena.clock.slept) == 3:
            raise abort

    warehouse = athena.anew(interrupted)
    with pytest.raises(abort):
        list(getattr(warehouse, verb)(SECRET, version))
    assert athena.double.count("StopQueryExecution") == 1
    assert athena.double.states() == ["CANCELLED"]


def test_a_query_that_took_too_long_is_over(athena: Athena, version: Version) -> None:
    slow(athena.double)
    told(athena, version)
    assert athena.double.states() == ["CANCELLED"]


def test_a_query_that_is_really_stopped_by_someone_else(athena: Athena, version: Version) -> None:
    slow(athena.double)

    def meanwhile(seconds: float) -> None:
        athena.clock.sleep(seconds)
        athena.double.stop_all()

    with pytest.raises(QueryCancelled):
        athena.anew(meanwhile).table(SECRET, version)
