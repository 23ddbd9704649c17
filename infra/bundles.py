"""What the functions on AWS are made of, built from locked wheels: ``python -m infra.bundles [--check]``.

A bundle is a folder with our own code and the packages it runs on, for the processor and the Python of λ. It
is made without Docker: pip takes the wheels that ``requirements/aws.txt`` has locked by their SHA-256. Python
3.13, as λ's 3.11 runs on Amazon Linux 2, whose C library (2.26) is too old for pyarrow and numpy.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from platform import machine
from tempfile import TemporaryDirectory

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements/aws.txt"
FOLDER = ROOT / ".cache/bundles"
PYTHON, PROCESSOR = "3.13", "aarch64"
"""Of λ; the stack of functions names the same."""
MOST_BYTES = 250 * 1024 * 1024
"""Unzipped, as λ takes it."""
_GLIBC = range(34, 16, -1)
"""C libraries that wheels may be built for: λ's Amazon Linux 2023 has 2.34."""

_PIN = re.compile(
    r"^(?P<pin>(?P<name>[a-z0-9-]+)(?:\[.*?\])?==[^\s;]+)(?: ; (?P<marker>.*?))? "
    r"(?P<hashes>\\\n(?:    --hash.*\n)+)",
    re.M,
)
_WHERE = {"python_full_version": f"{PYTHON}.0", "python_version": PYTHON, "sys_platform": "linux"}

_SENDS = (
    *(
        "boto3",
        "botocore",
        "s3transfer",
        "jmespath",
        "python-dateutil",
        "six",
        "urllib3",
        "typing-extensions",
    ),
    *("aws-lambda-powertools", "msgspec", "pyarrow", "numpy", "sqlglot", "datasketches"),
    *("ua-parser", "ua-parser-builtins", "tzdata"),
)
_READS = (
    *(
        "pyiceberg",
        "mmh3",
        "strictyaml",
        "pyparsing",
        "tenacity",
        "cachetools",
        "fsspec",
        "zstandard",
        "pyroaring",
    ),
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "requests", "certifi", "idna"),
    *("charset-normalizer", "rich", "markdown-it-py", "mdurl", "pygments", "click"),
    *("pyathena", "dogpile-cache", "stevedore", "decorator"),
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder that some functions share: those, and the packages in it with all they need."""

    name: str
    functions: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is built for λ."""
        return FOLDER / self.name


BUNDLES = (
    Bundle(
        "events",
        ("ingest", "redrive", "live", "transform", "findings", "sync", "archive", "alerts"),
        _SENDS,
    ),
    Bundle("lake", ("curate", "reconcile"), (*_SENDS, *_READS)),
)
"""Two, so that what is called with every event does not carry what reads the lake."""
OF = {function: bundle for bundle in BUNDLES for function in bundle.functions}
"""The bundle of each function."""

_SERVICES = {"athena", "dynamodb", "glue", "kinesis", "s3", "securityhub", "sns", "sqs", "ssm", "sts"}
_LEFT_OUT = (
    *("**/__pycache__", "bin", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED"),
    *("**/*.pyx", "**/*.pxi", "**/*.pxd", "**/*.h", "**/*.hpp", "**/*.a"),
    *("pyarrow/include", "pyarrow/src", "pyarrow/tests", "numpy/**/tests", "numpy/_core/include"),
    *("pyarrow/libarrow_flight*", "pyarrow/_flight*", "pyarrow/_substrait*"),
    *("pyarrow/libarrow_python_flight*", "botocore/data/**/examples-1.json*"),
)
"""What nothing here runs: headers, tests, Arrow's servers."""


def locked(names: Iterable[str], lock: str) -> str:
    """The lines of a lock file that pin some packages for λ's Python, with their hashes. Raises KeyError for
    one it lacks."""
    pins = {}
    for match in _PIN.finditer(lock):
        if not match["marker"] or Marker(match["marker"]).evaluate(_WHERE):
            pins[match["name"]] = f"{match['pin']} {match['hashes']}"
    return "".join(pins[name] for name in names)


def build(bundle: Bundle, folder: Path, processor: str = PROCESSOR) -> None:
    """Make a bundle's folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    with TemporaryDirectory() as work:
        pins = Path(work) / "pins.txt"
        pins.write_text(locked(bundle.packages, LOCK.read_text("utf-8")), "utf-8")
        _install(pins, folder, processor)
    _thin(folder)
    for package in ("data_access", "pipeline"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def _install(pins: Path, folder: Path, processor: str) -> None:
    platforms = [f"manylinux_2_{minor}_{processor}" for minor in _GLIBC] + [f"manylinux2014_{processor}"]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", "--ignore-requires-python"),
        *("--implementation", "cp", "--python-version", PYTHON, "--target", str(folder), "-r", str(pins)),
        *(word for platform in platforms for word in ("--platform", platform)),
    ]
    subprocess.run(command, check=True)  # noqa: S603 - our own words


def _thin(folder: Path) -> None:
    for pattern in _LEFT_OUT:
        for path in list(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for service in (folder / "botocore/data").iterdir():
        if service.is_dir() and service.name not in _SERVICES:
            shutil.rmtree(service)


def files(folder: Path) -> Iterator[Path]:
    """A folder's files, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def digest(folder: Path) -> str:
    """The same for folders of the same files, whenever and wherever they were built."""
    found = sha256()
    for path in files(folder):
        found.update(f"{path.relative_to(folder)}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def size(folder: Path) -> int:
    """A folder's bytes."""
    return sum(path.stat().st_size for path in files(folder))


_SETTINGS = {
    "STREAMGAUGE_FORM": "aws",
    "STREAMGAUGE_LAKE_BUCKET": "lake",
    "STREAMGAUGE_ALERT_TOPIC": "arn:aws:sns:eu-central-1:123456789012:alerts",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
_OPEN = """
import sys
sys.path.insert(0, {folder!r})
from importlib import import_module
from pipeline.lambdas import parts
import_module("pipeline.lambdas.{function}")
{opened}
import data_access.distinct, datasketches
files = [str(getattr(one, "__file__", "")) for one in list(sys.modules.values())]
outside = [one for one in files if "site-packages" in one]
assert not outside, outside
"""
_OPENED = {
    "ingest": "parts.collector()",
    "redrive": "parts.opened()",
    "live": "parts.opened()",
    "transform": "parts.opened(), parts.rules()",
    "curate": "parts.of_lake()._statements",
    "reconcile": "parts.of_app()",
}


def broken(bundle: Bundle, folder: Path, python: str) -> Mapping[str, str]:
    """What goes wrong, by function, when each is opened as λ does it, by an interpreter without packages."""
    found = {}
    for function in bundle.functions:
        opened = _OPENED.get(function, "parts.of_findings()")
        text = _OPEN.format(folder=str(folder), function=function, opened=opened)
        run = subprocess.run(  # noqa: S603 - our own words
            [python, "-I", "-B", "-S", "-c", text], env=_SETTINGS, capture_output=True, text=True, check=False
        )
        if run.returncode:
            found[function] = run.stderr.strip().splitlines()[-1]
    return found


def _checked(python: str) -> bool:
    """Whether bundles of this machine's processor can be opened."""
    fine = True
    with TemporaryDirectory() as work:
        for bundle in BUNDLES:
            folder = Path(work) / bundle.name
            build(bundle, folder, machine())
            found = broken(bundle, folder, python)
            fine = fine and not found
            for function in bundle.functions:
                print(f"  {function:<10} {found.get(function, 'opens')}")
    return fine


def main(arguments: list[str]) -> int:
    """Build every bundle; with ``--check`` also those of this machine, and open each function."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"open each function by a python{PYTHON}")
    parser.add_argument("--python", default=f"python{PYTHON}", help="the interpreter to open them by")
    chosen = parser.parse_args(arguments)
    fine = True
    for bundle in BUNDLES:
        build(bundle, bundle.folder)
        bytes_ = size(bundle.folder)
        fine = fine and bytes_ < MOST_BYTES
        print(f"{bundle.name:<8} {bytes_ / 1024**2:6.1f} MB of 250  {digest(bundle.folder)[:16]}")
    if chosen.check:
        fine = _checked(chosen.python) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
