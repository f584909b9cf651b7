"""What a bench run found: the figures, their ratios, the table and the file.

Owns the names under which the figures appear in the table, in `var/bench/*.json` and in the last line. A
figure that could not be measured is None and says why in `remarks`.
"""

import json
import os
import platform
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.arrivals import Arrivals

BARS = {
    "blast_vs_postfix": "at least 10",
    "blast_vs_exim": "",
    "tls_vs_postfix": "",
    "tls_vs_exim": "",
    "blast_vs_rsa": "at least 0.6",
    "ahead_vs_postfix": "",
    "ahead_vs_rsa": "",
    "growth": "near 1",
    "worker_rss_mb": "under 200",
    "inbound_per_s": "",
    "inbound_sqlite_per_s": "",
    "inbound_postgresql_per_s": "",
    "inbound_postfix_per_s": "",
    "idle_kib_each": "under 24",
}
_NAMES = {"karamail": "Karamail", "postfix": "Postfix + OpenDKIM", "exim": "Exim"}


@dataclass(frozen=True, slots=True)
class Blast:
    """One blast: who sent, how many, with how many workers, how long, how much memory per worker."""

    by: str
    recipients: int
    workers: int | None
    seconds: float
    rss_mb: float | None = None
    ahead: bool = False
    """Signed in the take-back seconds; counted from their end."""
    tls: bool = False
    """Over STARTTLS, to receivers that take nothing else."""

    @property
    def per_s(self) -> float:
        return self.recipients / self.seconds


@dataclass(frozen=True, slots=True)
class Overtaking:
    """`seconds` until the last urgent 250; `routine_left` still waited at that moment."""

    urgent: int
    routine: int
    seconds: float
    routine_left: int


@dataclass(slots=True)
class Figures:
    """Everything one run measured."""

    quick: bool
    base: int
    blasts: list[Blast] = field(default_factory=list)
    rsa_per_s: list[float] = field(default_factory=list)
    inbound_per_s: float | None = None
    arrivals: Arrivals | None = None
    overtaking: Overtaking | None = None
    forecast_errors: list[float] = field(default_factory=list)
    """Of the first broadcast, by the table alone, and of the second."""
    record: dict[str, Any] | None = None
    """As `tests.bench.record.measure` returns it."""
    remarks: list[str] = field(default_factory=list)

    def ratios(self) -> dict[str, float | None]:
        """The figures of the last line."""
        ours = self._ours(self.base, 2)
        peer = self._of("postfix")
        exim = self._of("exim")
        tls = {name: self._of(name, tls=True) for name in ("karamail", "postfix", "exim")}
        rsa = sum(self.rsa_per_s) / len(self.rsa_per_s) if self.rsa_per_s else None
        ahead = next((blast for blast in self.blasts if blast.ahead), None)
        two = sorted(
            (each for each in self.blasts if each.workers == 2 and not each.ahead and not each.tls),
            key=lambda blast: blast.recipients,
        )
        arrivals = self.arrivals or Arrivals()
        growth = two[0].per_s / two[-1].per_s if len(two) > 1 else None
        memory = [blast.rss_mb for blast in two if blast.rss_mb is not None]
        return {
            "blast_vs_postfix": _rounded(ours.per_s / peer.per_s if ours and peer else None),
            "blast_vs_exim": _rounded(ours.per_s / exim.per_s if ours and exim else None),
            "tls_vs_postfix": _ratio(tls["karamail"], tls["postfix"]),
            "tls_vs_exim": _ratio(tls["karamail"], tls["exim"]),
            "blast_vs_rsa": _rounded(ours.per_s / rsa if ours and rsa else None, 3),
            "ahead_vs_postfix": _rounded(ahead.per_s / peer.per_s if ahead and peer else None),
            "ahead_vs_rsa": _rounded(ahead.per_s / rsa if ahead and rsa else None, 3),
            "growth": _rounded(growth, 3),
            "worker_rss_mb": _rounded(max(memory) if memory else None, 1),
            "inbound_per_s": _rounded(self.inbound_per_s, 0),
            "inbound_sqlite_per_s": _rounded(arrivals.sqlite_per_s, 0),
            "inbound_postgresql_per_s": _rounded(arrivals.postgresql_per_s, 0),
            "inbound_postfix_per_s": _rounded(arrivals.postfix_per_s, 0),
            "idle_kib_each": _rounded(arrivals.idle_kib_each, 1),
        }

    def _of(self, by: str, *, tls: bool = False) -> Blast | None:
        found = (each for each in self.blasts if each.by == by and each.tls == tls and not each.ahead)
        return next(found, None)

    def _ours(self, recipients: int, workers: int) -> Blast | None:
        return next(
            (
                blast
                for blast in self.blasts
                if blast.by == "karamail"
                and not blast.ahead
                and not blast.tls
                and (blast.recipients, blast.workers) == (recipients, workers)
            ),
            None,
        )

    def table(self) -> str:
        lines = [f"{'':34}{'recipients':>11}{'seconds':>9}{'per s':>8}{'RSS MB':>8}"]
        for blast in self.blasts:
            workers = f", {blast.workers} worker{'s' if blast.workers != 1 else ''}" if blast.workers else ""
            who = _NAMES[blast.by] + workers
            who += ", signed ahead" if blast.ahead else ""
            who += ", TLS" if blast.tls else ""
            memory = f"{blast.rss_mb:8.0f}" if blast.rss_mb is not None else f"{'':8}"
            lines.append(f"{who:34}{blast.recipients:>11,}{blast.seconds:>9.2f}{blast.per_s:>8,.0f}{memory}")
        if self.rsa_per_s:
            rate = sum(self.rsa_per_s) / len(self.rsa_per_s)
            lines.append(f"{'RSA-2048 alone, 2 processes':34}{'':>20}{rate:>8,.0f}")
        if self.inbound_per_s is not None:
            lines.append(f"{'Empty mails in, committed':34}{'':>20}{self.inbound_per_s:>8,.0f}")
        if (found := self.arrivals) is not None:
            for name, rate in (
                ("Empty mails in, SQLite", found.sqlite_per_s),
                ("Empty mails in, PostgreSQL", found.postgresql_per_s),
                ("Empty mails in, Postfix's smtpd", found.postfix_per_s),
            ):
                lines.append(f"{name:34}{'':>20}{'–' if rate is None else f'{rate:,.0f}':>8}")
            if found.idle_rss_mb is not None:
                name = f"{found.idle_connections:,} idle connections"
                lines.append(f"{name:34}{'':>28}{found.idle_rss_mb:8.0f}")
        if (seen := self.overtaking) is not None:
            name = f"{seen.urgent} urgent overtake {seen.routine:,} routine"
            lines.append(f"{name:34}{'':>11}{seen.seconds:>9.2f}   {seen.routine_left:,} routine left then")
        if self.forecast_errors:
            shown = ", ".join(f"{error:+.0%}" for error in self.forecast_errors)
            lines.append(f"{'Error of the forecast':34}{'':>11}   first and second broadcast: {shown}")
        lines += _of_record(self.record)
        lines.append("")
        for name, value in self.ratios().items():
            shown = "not measured" if value is None else f"{value:g}"
            lines.append(f"{name:34}{shown:>14}   {BARS[name]}".rstrip())
        return "\n".join([*lines, *(f"! {remark}" for remark in self.remarks)])

    def write(self, folder: Path) -> Path:
        """Writes everything, with the machine's kind, to a new file in `folder`."""
        taken_at = datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{taken_at:%Y%m%dT%H%M%SZ}{'-quick' if self.quick else ''}.json"
        content: dict[str, Any] = {
            "taken_at": taken_at.isoformat(timespec="seconds"),
            "machine": _machine(),
            **asdict(self),
            "ratios": self.ratios(),
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path


def _ratio(one: Blast | None, other: Blast | None) -> float | None:
    return _rounded(one.per_s / other.per_s) if one and other else None


def _of_record(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    pages = [
        f"{f'  page, {name}':34}{'':>11}   p50 {p50:.1f} ms, p95 {p95:.1f} ms"
        for name, (p50, p95) in found["pages_ms"].items()
    ]
    return [
        f"Operation record, {found['records']:,} records, {found['registrants']:,} registrants",
        f"{'  written by three writers':34}{'':>20}{found['written_per_s']:>8,}",
        f"{'  sealed':34}{'':>20}{found['sealed_per_s']:>8,}",
        f"{'  verified':34}{found['verified']:>11,}{found['verify_s']:>9.2f}"
        f"{found['verified'] / found['verify_s']:>8,.0f}{found['verify_rss_mb']:>8}",
        *pages,
    ]


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)


def _machine() -> dict[str, str | int | None]:
    model = None
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found[1] if found else None
    return {"cores": os.cpu_count(), "processor": model, "python": platform.python_version()}
