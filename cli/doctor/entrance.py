"""Who is let in: do the settings ask for devices, second factors and systems that are kept up to date?

Owns the words for what is weaker than the ward's rules (R09, R10, R18). Refuses to look at accounts and
devices: their pages do. Cannot fail: it reads the configuration only. A demo has no ward to be weak for.
"""

from collections.abc import Iterator

from appliance.config import Config
from cli.doctor.finding import Finding, broken, ok, warning

AREA = "entrance"
_FACTOR_FOR = ("ward_officer", "operator")
_NOT_FELT = "mail is not affected; "


def look(config: Config) -> Iterator[Finding]:
    """What lets more people in than it should, or nobody."""
    if config.demo:
        yield ok(AREA, "a demo lets everybody in who can log in")
        return
    found = [*_devices(config), *_factors(config)]
    yield from found or [ok(AREA, "devices, networks and second factors are asked for")]


def _devices(config: Config) -> Iterator[Finding]:
    if not config.devices.required:
        yield broken(
            AREA, "devices.required = false: any device on any network may log in",
            f"{_NOT_FELT}but whoever learns one password can read names and write to every family.",
            "take it out of [devices]; enrol the first school device with `karamail device first`.",
        )  # fmt: skip
    elif not config.devices.ward_networks and not any(config.devices.school_networks.values()):
        yield broken(
            AREA, "[devices] names no network: nobody reaches the administration site",
            f"{_NOT_FELT}but staff can write from registered devices only.",
            "ask the ward for the networks of its offices and schools; set devices.ward_networks and "
            "devices.school_networks.",
        )  # fmt: skip
    if not config.devices.minimum_os:
        yield warning(
            AREA, "devices.minimum_os is empty: a device of any age is taken",
            f"{_NOT_FELT}but a phone that gets no repairs any more may write to every family.",
            "ask the ward for the oldest versions it permits; set for example minimum_os = {ios = 17}.",
        )  # fmt: skip


def _factors(config: Config) -> Iterator[Finding]:
    missing = [role for role in _FACTOR_FOR if role not in config.factors.required_for]
    if missing:
        yield warning(
            AREA, f"factors.required_for lacks {' and '.join(missing)}",
            f"{_NOT_FELT}but one password is enough to let other people in.",
            "take required_for out of [factors]: by default both need a second factor.",
        )  # fmt: skip
