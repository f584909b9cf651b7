"""Who is let in: do the settings name the networks, and systems that are kept up to date?

Owns the words for what is weaker than the ward's rules (R10, R18). Refuses to look at accounts and devices:
their pages do; and at what no configuration may say outside a demo: `appliance.config` refuses that. Cannot
fail: it reads the configuration only. A demo has no ward to be weak for.
"""

from collections.abc import Iterator

from appliance.config import Config
from cli.doctor.finding import Finding, broken, ok, warning

AREA = "entrance"
_NOT_FELT = "mail is not affected; "


def look(config: Config) -> Iterator[Finding]:
    """What lets more people in than it should, or nobody."""
    if config.demo:
        yield ok(AREA, "a demo lets everybody in who can log in")
        return
    yield from [*_devices(config)] or [ok(AREA, "networks and the age of devices are asked for")]


def _devices(config: Config) -> Iterator[Finding]:
    if not config.devices.ward_networks and not any(config.devices.school_networks.values()):
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
