"""What a browser says of itself: its name for the list of sessions, and the version of its system (R18).

Owns the reading of User-Agent and of the client hints that `Accept-CH` asks for. Refuses to decide anything
by it but a kind word: whoever lies here is only told less. Cannot fail; what is not said is None.
"""

import re

from flask import request

ACCEPT_CH = "Sec-CH-UA-Platform, Sec-CH-UA-Platform-Version"
SYSTEMS = {
    "ios": "iOS / iPadOS",
    "android": "Android",
    "windows": "Windows",
    "macos": "macOS",
    "chromeos": "ChromeOS",
    "other": "Linux",
}
_HINTED = {
    "Android": "android", "Windows": "windows", "macOS": "macos", "Chrome OS": "chromeos", "iOS": "ios",
}  # fmt: skip
_NAMED = (
    (r"iPhone|iPad|iPod", "ios"),
    (r"Android", "android"),
    (r"CrOS", "chromeos"),
    (r"Windows", "windows"),
    (r"Mac OS X", "macos"),
)
_BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/", "Chrome"),
    (r"Safari/", "Safari"),
)
_WINDOWS_11 = 13  # Sec-CH-UA-Platform-Version counts otherwise than people


def agent() -> str:
    """「Chrome · Android」; empty where the browser says nothing that we know."""
    said = request.headers.get("User-Agent", "")
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, said)), "")
    system, _ = reported_system()
    return " · ".join(filter(None, (browser, SYSTEMS.get(system, ""))))


def reported_system() -> tuple[str, int | None]:
    """The system, and its first version number where the browser tells the true one."""
    hinted = request.headers.get("Sec-CH-UA-Platform", "").strip('"')
    said = request.headers.get("User-Agent", "")
    system = _HINTED.get(hinted) or next((name for pattern, name in _NAMED if re.search(pattern, said)), "")
    version = request.headers.get("Sec-CH-UA-Platform-Version", "").strip('"').partition(".")[0]
    if version.isascii() and version.isdigit() and len(version) < 7:
        return system, _windows(int(version)) if system == "windows" else int(version)
    return system, _from_agent(system, said)


def _windows(hinted: int) -> int:
    if hinted >= _WINDOWS_11:
        return 11
    return 10 if hinted else 8


def _from_agent(system: str, said: str) -> int | None:
    """Chromium freezes most of these at an old version; what may be frozen says nothing."""
    if system == "ios" and (found := re.search(r"OS (\d{1,3})_", said)):
        return int(found[1])
    if system == "android" and (found := re.search(r"Android (\d{1,3})(?!\d|[\d.]*; K\))", said)):
        return int(found[1])
    if system == "windows" and re.search(r"Windows NT [1-6]\.", said):
        return 8
    return None
