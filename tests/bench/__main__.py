"""Runs the figures: `python -m tests.bench [--quick] [--without-peer] [--only NAME] [--recipients N]`.

That is `make bench [QUICK=1] [ONLY=urgent]`; `--only` measures one of rsa, one, growth, ahead, peer,
urgent, forecast, inbound, peers, arrivals, record. `peers`: Karamail, Postfix + OpenDKIM and Exim side by
side, plain and over STARTTLS. `arrivals`: empty mails in on SQLite, on PostgreSQL and at Postfix's smtpd,
and what idle connections cost. `record`: what the operation record costs. These three are measured only
when asked for.

In one go, one after the other: the RSA rate, Karamail with 1 and 2 workers, how it grows, Postfix +
OpenDKIM, empty mails in, the RSA rate again (machines warm up and slow down; their mean counts). Both
sides keep their data on the same disk, in one folder under /var/tmp that is removed afterwards.
"""

import argparse
import importlib
import importlib.util
import json
import math
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType

from tests.bench import arrivals, exim_peer, lanes, postfix_peer, record
from tests.bench.figures import Blast, Figures
from tests.bench.inbound import Arrived, flood
from tests.bench.rsa_rate import rsa_rate
from tests.bench.sinks import Sinks
from tests.bench.tls_sinks import TlsSinks

FULL = {
    "base": 43_000,
    "sizes": (5_000, 43_000, 200_000),
    "mails": 10_000,
    "rsa_s": 4.0,
    "forecast": 1200,
    "share": 1,
}
QUICK = {"base": 5_000, "sizes": (5_000, 10_000), "mails": 3_000, "rsa_s": 1.0, "forecast": 300, "share": 10}
WORKERS = 2
URGENT = 600
ON_DEMAND = ("peers", "arrivals", "record")
LEFT_OUT_QUICK = ("urgent", "forecast")  # a minute is soon over; `--only` measures them all the same
KINDS = ("rsa", "one", "growth", "ahead", "peer", "urgent", "forecast", "inbound", *ON_DEMAND)
RESULTS = Path("var/bench")
SLOWEST_PER_S = 20  # a blast slower than that is stuck


class Bench:
    """One run. Every figure stands alone: one that fails leaves a remark and the others go on."""

    def __init__(self, *, quick: bool, folder: Path, recipients: int = 0) -> None:
        plan = QUICK if quick else FULL
        self.figures = Figures(quick=quick, base=recipients or plan["base"])
        self._sizes: tuple[int, ...] = plan["sizes"]
        self._mails: int = plan["mails"]
        self._rsa_s: float = plan["rsa_s"]
        self._forecast_for: int = plan["forecast"]
        self._share: int = plan["share"]
        self._folder = folder
        self._karamail = _karamail_side()

    def run(self, *, with_peer: bool, only: str = "") -> None:
        for kind, name, measure in self._plan():
            left_out = kind in ON_DEMAND or (self.figures.quick and kind in LEFT_OUT_QUICK)
            wanted = kind == only if only else not left_out
            if wanted and (with_peer or kind != "peer"):
                self._step(name, measure)

    def _plan(self) -> list[tuple[str, str, Callable[[], None]]]:
        """Which figure, how it is announced, what measures it."""
        routine = self.figures.base
        return [
            ("rsa", "RSA-2048 alone", self._rsa),
            ("one", "Karamail, 1 worker", lambda: self._ours(self.figures.base, 1)),
            *(
                ("growth", f"Karamail, {size:,}", lambda size=size: self._ours(size, WORKERS))
                for size in self._sizes
            ),
            ("ahead", f"Karamail, {routine:,} signed ahead", self._ahead),
            ("peer", "Postfix + OpenDKIM", self._peer),
            ("urgent", f"urgent overtakes: {URGENT} urgent while {routine:,} routine running", self._urgent),
            ("forecast", "forecast", self._forecast),
            ("inbound", "empty mails in", self._inbound),
            *(
                (
                    ("peers", f"{name}{', TLS' if tls else ''}", measure)
                    for name, tls, measure in self._sides()
                )
            ),
            ("arrivals", "empty mails in, each way", self._arrivals),
            ("rsa", "RSA-2048 again", self._rsa),
            ("record", "the operation record", self._record),
        ]

    def _sides(self) -> list[tuple[str, bool, Callable[[], None]]]:
        """Plain and over STARTTLS, all three senders each time."""
        return [
            side
            for tls in (False, True)
            for side in (
                ("Karamail", tls, lambda tls=tls: self._ours(self.figures.base, WORKERS, tls=tls)),
                ("Postfix + OpenDKIM", tls, lambda tls=tls: self._peer(tls=tls)),
                ("Exim", tls, lambda tls=tls: self._exim(tls=tls)),
            )
        ]

    def _step(self, name: str, measure: Callable[[], None]) -> None:
        print(f"{name} ...", file=sys.stderr, end=" ", flush=True)
        begun = time.monotonic()
        try:
            measure()
        except (OSError, RuntimeError, TimeoutError, ExceptionGroup) as error:
            self.figures.remarks.append(f"{name}: {error}")
            print("failed,", file=sys.stderr, end=" ")
        print(f"{time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)

    def _rsa(self) -> None:
        self.figures.rsa_per_s.append(rsa_rate(WORKERS, seconds=self._rsa_s))

    def _ahead(self) -> None:
        signing_s = self.figures.base / min(self.figures.rsa_per_s, default=1000)
        self._ours(self.figures.base, WORKERS, take_back_s=min(120, math.ceil(2 * signing_s) + 3))

    def _ours(self, recipients: int, workers: int, take_back_s: int = 0, *, tls: bool = False) -> None:
        folder = self._folder / f"karamail-{recipients}-{workers}-{take_back_s}-{tls}"
        folder.mkdir()
        assert self._karamail is not None
        with TlsSinks() if tls else Sinks() as sinks:
            found = self._karamail.blast(
                recipients, workers, sinks.all, f"sqlite:///{folder}/karamail.db", take_back_s=take_back_s
            )
            sinks.wait(recipients, within_s=5)
            counted = sinks.counted()
        shutil.rmtree(folder)
        if counted != recipients:
            raise RuntimeError(f"the receivers counted {counted} messages for {recipients} recipients")
        seconds, rss_mb = round(found["seconds"], 3), round(found["rss_mb"], 1)
        self.figures.blasts.append(
            Blast("karamail", recipients, workers, seconds, rss_mb, ahead=take_back_s > 0, tls=tls)
        )

    def _peer(self, *, tls: bool = False) -> None:
        if reason := postfix_peer.why_not():
            self.figures.remarks.append(f"Postfix + OpenDKIM: {reason}")
            return
        messages = self.figures.base
        folder = self._folder / f"postfix-{tls}"
        with (
            TlsSinks() if tls else Sinks() as sinks,
            postfix_peer.PostfixPeer(folder, sinks.all, tls=tls) as peer,
        ):
            found = peer.blast(messages, sinks, within_s=messages / SLOWEST_PER_S)
        self.figures.blasts.append(Blast("postfix", messages, None, round(found.seconds, 3), tls=tls))

    def _exim(self, *, tls: bool) -> None:
        if reason := exim_peer.why_not():
            self.figures.remarks.append(f"Exim: {reason}")
            return
        messages = self.figures.base
        folder = self._folder / f"exim-{tls}"
        with TlsSinks() if tls else Sinks() as sinks, exim_peer.EximPeer(folder, sinks.all, tls=tls) as exim:
            found = exim.blast(messages, sinks, within_s=messages / SLOWEST_PER_S)
        self.figures.blasts.append(Blast("exim", messages, None, round(found.seconds, 3), tls=tls))

    def _urgent(self) -> None:
        folder = self._folder / "urgent"
        folder.mkdir()
        with Sinks() as sinks:
            self.figures.overtaking = lanes.overtaking(URGENT, self.figures.base, WORKERS, sinks.all, folder)
        shutil.rmtree(folder)

    def _forecast(self) -> None:
        folder = self._folder / "forecast"
        folder.mkdir()
        self.figures.forecast_errors = lanes.forecast_errors(self._forecast_for, folder)
        shutil.rmtree(folder)

    def _inbound(self) -> None:
        folder = self._folder / "inbound"
        folder.mkdir()
        assert self._karamail is not None
        with self._karamail.inbound_daemon(f"sqlite:///{folder}/karamail.db") as (host, port, recipient):
            flood(host, port, recipient, mails=1, connections=1)
            arrived = flood(host, port, recipient, mails=self._mails)
        if arrived.refused:
            self.figures.remarks.append(
                f"inbound: {arrived.refused} of {self._mails} refused: {arrived.first_refusal}"
            )
        self.figures.inbound_per_s = round(arrived.per_s, 1)

    def _arrivals(self) -> None:
        folder = self._folder / "arrivals"
        for name in ("sqlite", "postgresql", "idle"):
            (folder / name).mkdir(parents=True)
        assert self._karamail is not None
        rates: dict[str, float | None] = {}
        with self._karamail.inbound_daemon(f"sqlite:///{folder}/sqlite/karamail.db") as door:
            rates["sqlite_per_s"] = self._rate("SQLite", arrivals.at(*door, arrivals.MAILS))
        with arrivals.postgresql(folder) as url:
            if url is not None:
                with self._karamail.inbound_daemon(url, folder / "postgresql") as door:
                    rates["postgresql_per_s"] = self._rate("PostgreSQL", arrivals.at(*door, arrivals.MAILS))
        with arrivals.postfix(folder / "postfix") as door:
            if door is not None:
                rates["postfix_per_s"] = self._rate("Postfix", arrivals.at(*door, arrivals.MAILS))
        with self._karamail.daemon(f"sqlite:///{folder}/idle/karamail.db") as (pid, _, port, _):
            rss_mb, kib_each = arrivals.idle(port, pid)
        self.figures.arrivals = arrivals.Arrivals(
            **rates, idle_connections=arrivals.IDLE, idle_rss_mb=rss_mb, idle_kib_each=kib_each
        )
        shutil.rmtree(folder)

    def _rate(self, where: str, arrived: Arrived) -> float:
        if arrived.refused:
            self.figures.remarks.append(f"{where}: {arrived.refused} refused: {arrived.first_refusal}")
        return round(arrived.per_s, 1)

    def _record(self) -> None:
        self.figures.record = record.measure(
            verified=1_000_000 // self._share,
            records=5_000_000 // self._share,
            registrants=60_000 // self._share,
        )


def _karamail_side() -> ModuleType | None:
    name = "tests.bench.karamail_blast"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def _asked_to_stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The figures of the README.")
    parser.add_argument("--quick", action="store_true", help="5,000 recipients, under a minute")
    parser.add_argument("--without-peer", action="store_true", help="leave Postfix + OpenDKIM out")
    parser.add_argument("--only", choices=KINDS, default="", help="measure one figure")
    parser.add_argument("--recipients", type=int, default=0, help="of a blast, instead of 43,000 or 5,000")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _asked_to_stop)  # so that every server started here is stopped

    folder = Path(tempfile.mkdtemp(prefix="karamail-bench-", dir="/var/tmp"))
    folder.chmod(0o755)  # Postfix's own users have to reach their queue
    try:
        bench = Bench(quick=arguments.quick, folder=folder, recipients=arguments.recipients)
        bench.run(with_peer=not arguments.without_peer, only=arguments.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(bench.figures.table())
    print(f"written to {bench.figures.write(RESULTS)}")
    print(json.dumps(bench.figures.ratios()))


if __name__ == "__main__":
    main()
