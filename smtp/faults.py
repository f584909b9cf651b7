"""The letter about what is wrong with the appliance: its marks.

Owns how a fault stands in a mail: how bad, where, since when, what, what to run. The sentences are the
doctor's or the rules', in English, for people with a shell. Refuses to read the table and to judge. Cannot
fail.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from appliance.config import Config
from appliance.models import Fault

_SEE = "karamail doctor --all-nodes"


def marks(config: Config, faults: Sequence[Fault]) -> dict[str, str]:
    """What the words of the letter say of them. None are left when a newer letter speaks of all of them."""
    zone = ZoneInfo(config.ward.timezone)
    lasting = [fault for fault in faults if fault.ended_at is None]
    return {
        "lasting": str(len(lasting)),
        "over": str(len(faults) - len(lasting)),
        "worst": _where(lasting[0]) if lasting else "OK",
        "faults": "\n\n".join(_lines(fault, zone) for fault in faults) or _SEE,
    }


def _where(fault: Fault) -> str:
    return " ".join(filter(None, (fault.node, fault.area or fault.name)))


def _lines(fault: Fault, zone: ZoneInfo) -> str:
    began, ended = _time(fault.began_at, zone), fault.ended_at and _time(fault.ended_at, zone)
    word = "OVER" if ended else fault.severity.upper()
    lines = [
        f"{word:<8} {_where(fault)}  ({began} - {ended or ''})".replace(" - )", " -)"),
        f"  {fault.what}",
    ]
    if fault.todo and not ended:
        lines.append(f"  To do: {fault.todo}")
    return "\n".join(lines)


def _time(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%m-%d %H:%M")
