"""What a web site is to its own pages: name, origin, accent, languages.

Owns the facts that templates, cookies and headers derive from the configuration. Refuses to know any view.
Cannot fail: the configuration was checked when it was loaded.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app

from appliance.config import Config, Zone

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """One of the three sites, as its pages may know it."""

    zone: Zone
    title: str  # msgid, shown in the coloured band
    origin: str  # scheme://host[:port]
    ward: str
    ward_en: str
    inquiry: str  # one printable line: where to ask; may be empty
    languages: tuple[str, ...]
    demo: bool

    @property
    def secure(self) -> bool:
        """Is the site reached by https? Only a demo is not."""
        return self.origin.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """The values of the Host header that mean this site."""
        parts = urlsplit(self.origin)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        names = {f"{host}:{port}"}
        if port == _DEFAULT_PORTS[parts.scheme]:
            names.add(host)
        return frozenset(names)

    @property
    def accent(self) -> str:
        """The class on <html> that gives this site its colour."""
        return f"site-{self.zone.value}"


def describe(zone: Zone, config: Config, title: str, languages: tuple[str, ...]) -> Site:
    """The site of a zone."""
    return Site(
        zone=zone,
        title=title,
        origin=config.site(zone).origin.rstrip("/"),
        ward=config.ward.name,
        ward_en=config.ward.name_en,
        inquiry=config.ward.inquiry,
        languages=languages,
        demo=config.demo,
    )


def current_site() -> Site:
    """The site whose request this is."""
    site: Site = current_app.extensions["karamail.site"]
    return site
