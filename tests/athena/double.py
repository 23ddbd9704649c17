"""An Athena on loopback that really answers: its API over HTTP, its SQL on DuckDB, its files in an S3 server.

    with AthenaDouble(catalog, upstream=s3_url, bucket="lake") as double:
        warehouse = AthenaWarehouse(Clients(load({"aws_endpoint": double.url, ...})), ...)

Requests for Athena are answered here; all others go to ``upstream`` (moto's server, MiniStack), so that one
URL is all of AWS. What goes wrong is scripted: ``fail`` makes calls of an operation fail, ``next`` says how
the next started query ends. ``asked`` has the calls that came. Time is not waited for: a slow query is one
that a number of looks find running.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import Event, RLock
from typing import Any
from uuid import uuid4

import boto3
from pyiceberg.catalog import Catalog

from tests.athena import texts
from tests.athena.engine import Engine, Ran
from tests.athena.executions import OWN, Execution, Outcome
from tests.athena.loopback import Answer, Loopback, Request
from tests.aws_parts import REGION

__all__ = ["ALWAYS", "KEY", "AthenaDouble", "Fault", "Outcome"]

KEY = "test"
"""The access key that is known here; its secret is not looked at."""
FUNCTIONS_KEY = "000000000000"
"""The one that MiniStack gives its functions."""
ALWAYS = 10**9
_PAGE_ROWS = 1000
_SILENT_SECONDS = 60
_BREAK = Answer(0, {}, b"")


@dataclass(frozen=True)
class Fault:
    """What a call gets in place of its answer: an error of AWS; a connection that breaks, before anything was
    done or, with ``after``, when all was; or, with ``silent``, nothing at all."""

    code: str = ""
    message: str = ""
    status: int = 400
    reset: bool = False
    after: bool = False
    silent: bool = False


class AwsError(Exception):
    """An answer of Athena that is an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(code, message)


def refused(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


class AthenaDouble:
    """Athena's API over an ``Engine``.

    ``cap`` is the workgroup's limit of bytes a query may read; ``databases`` maps names in texts to the
    catalog's namespaces where they differ.
    """

    def __init__(
        self,
        catalog: Catalog,
        upstream: str,
        bucket: str,
        workgroup: str = "streamgauge",
        cap: int | None = None,
        databases: Mapping[str, str] | None = None,
    ) -> None:
        self.engine = Engine(catalog, databases)
        self.workgroup, self.cap, self.bucket = workgroup, cap, bucket
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._outcomes: deque[Outcome] = deque()
        self._executions: dict[str, Execution] = {}
        self._lock, self._workers = RLock(), ThreadPoolExecutor(1)
        self._s3 = _s3(upstream)
        self._closed = Event()
        self._server = Loopback(self._answer, upstream)
        self.url = self._server.url

    def __enter__(self) -> AthenaDouble:
        with suppress(self._s3.exceptions.BucketAlreadyOwnedByYou):
            place = {"LocationConstraint": REGION}
            self._s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server: the network is down. Once is enough, twice does no harm."""
        self._closed.set()
        self._server.stop()
        self._workers.shutdown()

    # What tests say and see

    def fail(self, operation: str, *faults: Fault, times: int = 1) -> None:
        """Let the next calls of an operation fail; ALWAYS for all. S3's are ``GET`` and ``PUT``."""
        if times >= ALWAYS:
            self._always[operation] = faults[0]
        else:
            self._faults[operation].extend(faults * times)

    def next(self, *outcomes: Outcome) -> None:
        """Say how the queries that are started next end."""
        self._outcomes.extend(outcomes)

    def reset(self) -> None:
        """Forget what was scripted and what came."""
        for kept in (self.asked, self._faults, self._always, self._outcomes, self._executions):
            kept.clear()

    def count(self, operation: str) -> int:
        """How many calls of an operation came."""
        return sum(name == operation for name, _ in self.asked)

    def bodies(self, operation: str) -> list[dict[str, Any]]:
        """What the calls of an operation said, in order."""
        return [body for name, body in self.asked if name == operation]

    @property
    def texts(self) -> list[str]:
        """The texts of all queries, in order."""
        return [execution.text for execution in self._executions.values()]

    def states(self) -> list[str]:
        """The states of all queries, in order."""
        return [execution.status()["State"] for execution in self._executions.values()]

    def stop_all(self) -> None:
        """Stop every query that runs, as an administrator could."""
        for execution in self._executions.values():
            self._stop_query_execution({"QueryExecutionId": execution.id})

    # HTTP

    def _answer(self, request: Request) -> Answer | None:
        """The answer to a request; None passes it on."""
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        ours = service == "AmazonAthena"
        fault = self._noted(operation, json.loads(request.body)) if ours else self._noted(request.method, {})
        if fault is not None and fault.silent:
            self._closed.wait(_SILENT_SECONDS)
        if fault is not None and (fault.reset or fault.silent) and not fault.after:
            return _BREAK
        if fault is not None and not fault.after:
            return _error(fault, ours)
        if not ours:
            return None
        try:
            _check_key(request)
            found = self._operations()[operation](json.loads(request.body))
        except AwsError as error:
            return _error(error.fault, ours)
        return _BREAK if fault is not None else _json(200, found)

    def _noted(self, operation: str, body: dict[str, Any]) -> Fault | None:
        with self._lock:
            self.asked.append((operation, body))
            waiting = self._faults[operation]
            return waiting.popleft() if waiting else self._always.get(operation)

    def _operations(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "StartQueryExecution": self._start_query_execution,
            "GetQueryExecution": self._get_query_execution,
            "GetQueryResults": self._get_query_results,
            "StopQueryExecution": self._stop_query_execution,
            "GetWorkGroup": self._get_work_group,
        }

    # Operations

    def _start_query_execution(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_workgroup(body)
        token, text = body["ClientRequestToken"], body["QueryString"]
        if not 32 <= len(token) <= 128:
            raise refused("ClientRequestToken must have 32 to 128 characters")
        with self._lock:
            known = next((e for e in self._executions.values() if e.token == token), None)
            if known is not None and known.text != text:
                raise refused("Idempotent parameters do not match")
            execution = known or self._started(text, token, body.get("QueryExecutionContext", {}))
        return {"QueryExecutionId": execution.id}

    def _started(self, text: str, token: str, where: dict[str, Any]) -> Execution:
        outcome = self._outcomes.popleft() if self._outcomes else Outcome()
        execution = Execution(str(uuid4()), text, token, outcome, where, self.cap)
        execution.start(lambda: self._workers.submit(self._run, execution))
        self._executions[execution.id] = execution
        return execution

    def _run(self, execution: Execution) -> Ran:
        ran, file = (
            self.engine.run(execution.text, execution.where.get("Database", "")),
            execution.outcome.file,
        )
        if file == OWN and ran.table is not None and (self.cap is None or ran.scanned <= self.cap):
            file = "".join(f"{line}\n" for line in texts.csv_lines(ran.table)).encode()
        if file is not None and file != OWN:
            self._s3.put_object(Bucket=self.bucket, Key=f"answers/{execution.id}.csv", Body=file)
        return ran

    def _get_query_execution(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"QueryExecution": self._execution(body).described(self.workgroup, self._output)}

    def _get_query_results(self, body: dict[str, Any]) -> dict[str, Any]:
        execution = self._execution(body)
        if execution.status()["State"] != "SUCCEEDED":
            raise refused("Query did not finish successfully.")
        ran = execution.ran.result()
        if ran.table is None:
            nothing = {"Rows": [], "ResultSetMetadata": {"ColumnInfo": []}}
            return {"UpdateCount": ran.changed, "ResultSet": nothing}
        start, limit = int(body.get("NextToken", 0)), min(body.get("MaxResults", _PAGE_ROWS), _PAGE_ROWS)
        rows, end = texts.rows(ran.table, start, limit)
        columns = [texts.column(field) for field in ran.table.schema]
        found = {
            "UpdateCount": 0,
            "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}},
        }
        return found | ({"NextToken": str(end)} if end < ran.table.num_rows else {})

    def _stop_query_execution(self, body: dict[str, Any]) -> dict[str, Any]:
        execution = self._execution(body)
        with self._lock:
            execution.stopped = execution.stopped or execution.running
        return {}

    def _get_work_group(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check_workgroup(body)
        version = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
        configuration: dict[str, Any] = {
            "ResultConfiguration": {"OutputLocation": self._output},
            "EnforceWorkGroupConfiguration": True,
            "PublishCloudWatchMetricsEnabled": True,
            "EngineVersion": version,
        }
        if self.cap is not None:
            configuration["BytesScannedCutoffPerQuery"] = self.cap
        return {"WorkGroup": {"Name": self.workgroup, "State": "ENABLED", "Configuration": configuration}}

    @property
    def _output(self) -> str:
        return f"s3://{self.bucket}/answers/"

    def _check_workgroup(self, body: dict[str, Any]) -> None:
        name = body.get("WorkGroup", "primary")
        if name != self.workgroup:
            raise refused(f"WorkGroup {name} is not found.")

    def _execution(self, body: dict[str, Any]) -> Execution:
        found = self._executions.get(body["QueryExecutionId"])
        if found is None:
            raise refused(f"QueryExecution {body['QueryExecutionId']} was not found")
        return found


@lru_cache(maxsize=4)
def _s3(url: str) -> Any:
    return boto3.client("s3", REGION, endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=KEY)


def _check_key(request: Request) -> None:
    found = re.search(r"Credential=([^/]+)/", request.headers.get("authorization", ""))
    if found is None or found[1] not in (KEY, FUNCTIONS_KEY):
        raise AwsError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())


def _error(fault: Fault, ours: bool) -> Answer:
    if ours:
        return _json(fault.status, {"__type": fault.code, "Message": fault.message})
    body = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
    return Answer(fault.status, {"Content-Type": "application/xml"}, body.encode())
