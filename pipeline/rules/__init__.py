"""The rules file: which marketing channel a visit comes from and which user agents are bots."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from data_access.model import UsageError

_UTM = ("utm_source", "utm_medium", "utm_campaign")
_CHANNEL_KEYS = ("name", *_UTM, "referrer_host", "referrer")
_BOT_KEYS = ("user_agent_pattern", "ua_parser_spiders")
_TOP_KEYS = ("own_hosts", "bots", "channel")
_REFERRERS = ("none", "own", "other")


@dataclass(frozen=True, slots=True)
class Visit:
    """What channel rules look at; empty text where there is none. ``own`` is the page's own host."""

    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    referrer_host: str = ""
    own: str = ""


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """One ``[[channel]]``: its name and the conditions that must all hold."""

    name: str
    patterns: tuple[tuple[str, re.Pattern[str]], ...] = ()
    referrer: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one file."""

    channels: tuple[ChannelRule, ...]
    bots: re.Pattern[str]
    ua_parser_spiders: bool = False
    own_hosts: tuple[re.Pattern[str], ...] = ()

    def channel_of(self, visit: Visit) -> str | None:
        """The name of the first rule that holds, or None."""
        kind = self._referrer_kind(visit)
        return next((rule.name for rule in self.channels if _holds(rule, visit, kind)), None)

    def is_bot(self, user_agent: str, spider: bool) -> bool:
        """Whether a user agent is a bot's; ``spider`` is what ua-parser says."""
        return bool(self.bots.search(user_agent)) or (self.ua_parser_spiders and spider)

    def _referrer_kind(self, visit: Visit) -> str:
        host = visit.referrer_host
        if not host:
            return "none"
        own = bare_host(host) == bare_host(visit.own) or any(p.search(host) for p in self.own_hosts)
        return "own" if own else "other"


def bare_host(host: str) -> str:
    """A host without its ``www.``, so that both spellings are the same site."""
    return host.removeprefix("www.")


def _holds(rule: ChannelRule, visit: Visit, kind: str) -> bool:
    if rule.referrer is not None and rule.referrer != kind:
        return False
    return all(getattr(visit, key) and pattern.search(getattr(visit, key)) for key, pattern in rule.patterns)


def load_rules(path: Path | str | None = None) -> Rules:
    """The rules in the TOML file at ``path``; the built-in ones when it is empty or None.

    Raises UsageError that names the key and says what it takes.
    """
    if not path:
        return _parse(
            resources.files(__name__).joinpath("default.toml").read_text("utf-8"), "the built-in rules"
        )
    try:
        return _parse(Path(path).read_text("utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"cannot read the rules file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from error


def _parse(text: str, where: str) -> Rules:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not valid TOML: {error}") from error
    try:
        return _rules(document)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _rules(document: Mapping[str, Any]) -> Rules:
    _only(document, _TOP_KEYS, "the file")
    bots = _table(document.get("bots", {}), "bots")
    _only(bots, _BOT_KEYS, "[bots]")
    spiders = bots.get("ua_parser_spiders", False)
    if not isinstance(spiders, bool):
        raise UsageError("bots.ua_parser_spiders takes true or false")
    channels, own = document.get("channel", []), document.get("own_hosts", [])
    if not isinstance(channels, list) or not isinstance(own, list):
        raise UsageError("channel takes [[channel]] tables and own_hosts a list of patterns")
    return Rules(
        channels=tuple(_channel(_table(entry, "channel"), n) for n, entry in enumerate(channels, 1)),
        # A pattern that never matches: without the key nothing is a bot by its name.
        bots=_pattern(bots.get("user_agent_pattern", "(?!)"), "bots.user_agent_pattern"),
        ua_parser_spiders=spiders,
        own_hosts=tuple(_pattern(pattern, "own_hosts") for pattern in own),
    )


def _channel(entry: Mapping[str, Any], position: int) -> ChannelRule:
    where = f"[[channel]] {position}"
    _only(entry, _CHANNEL_KEYS, where)
    name, referrer = entry.get("name"), entry.get("referrer")
    if not isinstance(name, str) or not name:
        raise UsageError(f"{where} needs a name, a non-empty text")
    if referrer is not None and referrer not in _REFERRERS:
        raise UsageError(f"{where}: referrer takes {', '.join(_REFERRERS)}")
    keys = [key for key in (*_UTM, "referrer_host") if key in entry]
    return ChannelRule(name, tuple((key, _pattern(entry[key], f"{where}: {key}")) for key in keys), referrer)


def _table(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{key} takes a table")
    return value


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UsageError(f"{where} has the unknown key {unknown[0]!r}; known are {', '.join(known)}")


def _pattern(value: Any, key: str) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise UsageError(f"{key} takes a regular expression as text")
    try:
        return re.compile(value, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{key} takes a regular expression; {value!r} is none: {error}") from error
