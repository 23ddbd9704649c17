"""Asks one question many times at once, as a web worker would: URL BUCKET DATA_DIR TIMES.

Prints how many answers came and how many different ones they were.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from data_access.aws.clients import Clients
from data_access.aws.warehouse import AthenaWarehouse
from data_access.backends import open_backends
from data_access.settings import load
from tests.aws_parts import settings_of
from tests.builders import EVERYONE


def main(url: str, bucket: str, data: str, times: int) -> None:
    backends = open_backends(load({"data_dir": Path(data)}, {}))
    settings = settings_of(url, lake_bucket=bucket, glue_database="streamgauge")
    asking = replace(backends.asking, warehouse=AthenaWarehouse(Clients(settings), settings))
    with ThreadPoolExecutor(times) as askers:
        found = list(askers.map(lambda _: str(asking.ask("data.extent", {}, EVERYONE).rows), range(times)))
    print(len(found), len(set(found)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
