"""What a user agent says about its device, browser and system."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ua_parser import parse

_MOBILE_SYSTEMS = "iOS,Android,Windows Phone,BlackBerry OS,Symbian OS,KaiOS,Firefox OS,Tizen,HarmonyOS"
_MOBILE = frozenset(_MOBILE_SYSTEMS.split(","))
_DESKTOP_SYSTEMS = (
    "Windows,Mac OS X,Mac OS,Linux,Ubuntu,Kubuntu,Fedora,Debian,Chrome OS,FreeBSD,OpenBSD,NetBSD,Red Hat,"
    "SUSE,CentOS,Linux Mint,Arch Linux,Gentoo,Mandriva,Slackware,Solaris,PCLinuxOS"
)
_DESKTOP = frozenset(_DESKTOP_SYSTEMS.split(","))


@dataclass(frozen=True, slots=True)
class Agent:
    """Device is desktop, mobile, tablet or other; browser and system are families or None."""

    device: str
    browser: str | None
    os: str | None
    spider: bool


# ua-parser takes about a millisecond for a user agent; sites see few thousand different ones.
@lru_cache(maxsize=50_000)
def describe_agent(user_agent: str) -> Agent:
    """Device, browser and system of a user agent, and whether ua-parser knows it as a spider."""
    found = parse(user_agent[:1024])
    family = found.device.family if found.device else None
    system = found.os.family if found.os else None
    spider = family == "Spider"
    return Agent(
        device=_device(user_agent, system),
        browser=found.user_agent.family if found.user_agent else None,
        os=system,
        spider=spider,
    )


def _device(user_agent: str, system: str | None) -> str:
    # Android tablets say "Android" without "Mobile"; iPads say so, as long as they do not pose as Macs.
    if "iPad" in user_agent or "Tablet" in user_agent or "Kindle" in user_agent:
        return "tablet"
    if system == "Android" and "Mobile" not in user_agent:
        return "tablet"
    if system in _MOBILE or "Mobile" in user_agent:
        return "mobile"
    return "desktop" if system in _DESKTOP else "other"
