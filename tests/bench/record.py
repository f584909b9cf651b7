"""What the operation record costs: writing by three at once, sealing, checking, and finding among millions.

On a PostgreSQL of its own with fsync and synchronous commits, on the disk of the other figures. The
records of the search are made by one statement, spread over accounts, schools, acts and three years; those
that are verified are sealed by the sealer. Pages are asked of the administration site in this process, one
after the other, so a figure is the page's own time without a network.
"""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from appliance import account, audit, clock, db, grants
from appliance import config as configuration
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.record import seal, trust, verify
from tests.support.installation import PASSWORD, Installation
from tests.support.postgres import Cluster
from tests.web.staff.ward import Clerk
from web.admin.app import create_app

WRITERS = 3
SECONDS = 5.0
ACCOUNTS = 1_200
SCHOOLS = 90
PAGES = 60
_FILL = """
INSERT INTO audit (at, account_id, role, zone, session_id, network, act, object_kind, object_id, school_id,
                   result, detail)
SELECT ?::bigint + n * ?::bigint, 10 + (n * 7919) % {accounts}, 'staff', 'admin', n / 40, '192.0.2.0/24',
       (ARRAY['login', 'registrations.listed', 'registration.opened', 'broadcast.revised', 'broadcast.sent',
              'child.moved', 'logout', 'handout.printed'])[1 + (n * 31) % 8],
       'registration', n, CASE WHEN n % 5 = 0 THEN NULL ELSE 1 + (n * 104729) % {schools} END, 'ok',
       '{{"opened": 50, "page": 3}}'
FROM generate_series(?::bigint, ?::bigint) AS n
"""
_YEARS_MICROS = 3 * 365 * 86_400 * 1_000_000


def measure(*, verified: int, records: int, registrants: int) -> dict[str, Any]:
    """All figures, by name: rates per second, seconds, and (p50, p95) in milliseconds."""
    with Cluster(durable=True) as cluster:
        folder = cluster.folder / "house"
        house = Installation(folder, cluster.create("record"))
        try:
            return _measured(house, folder, verified, records, registrants)
        finally:
            house.close()


def _measured(
    house: Installation, folder: Path, verified: int, records: int, registrants: int
) -> dict[str, Any]:
    figures: dict[str, Any] = {"records": records, "registrants": registrants, "verified": verified}
    _fill(0, verified, records)
    begun = time.monotonic()
    _seal_all(house.config)
    figures["sealed_per_s"] = round(verified / (time.monotonic() - begun))
    begun = time.monotonic()
    report = verify.verify(house.config)
    figures["verify_s"] = round(time.monotonic() - begun, 2)
    if report.difference is not None or report.records != verified:
        raise RuntimeError(f"the record is not whole: {report}")
    figures["verify_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    grants.create_roles(house.config)
    grants.apply(house.config)
    figures["written_per_s"] = round(_three_writers(folder / "karamail.toml"))
    _fill(verified, records, records)
    figures["pages_ms"] = _pages(house, registrants, records)
    return figures


def _three_writers(path: Path) -> float:
    """Records committed per second under the zone's role and its row policy, with a sealer at work."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(WRITERS) as pool:
        pending = pool.map_async(_write, [path] * WRITERS)
        config = configuration.load(path)
        while not pending.ready():
            seal.seal(config, trust.sealer(config), clock.now())
            pending.wait(0.5)
        return float(sum(pending.get()))


def _write(path: Path) -> float:
    db.connect(configuration.load(path), Zone.ADMIN)
    actor = Actor(7, Role.STAFF, frozenset({1}), Zone.ADMIN, network="192.0.2.0/24", session_id=3)
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < SECONDS:
        with db.transaction():
            audit.record(actor, audit.Act.REGISTRATION_OPENED, "registration", count, school_id=1)
        count += 1
    db.vanish()
    return count / (time.monotonic() - begun)


def _fill(first: int, last: int, of: int) -> None:
    now = int(clock.now().timestamp() * 1_000_000)
    step = _YEARS_MICROS // of
    statement = _FILL.format(accounts=ACCOUNTS, schools=SCHOOLS)
    for start in range(first, last, 200_000):
        end = min(start + 200_000, last)
        with db.transaction():
            db.statement(statement, now - of * step, step, start, end - 1)


def _seal_all(config: Config) -> None:
    while seal.seal(config, trust.sealer(config), clock.now(), everywhere=True):
        pass


def _pages(house: Installation, registrants: int, records: int) -> dict[str, tuple[float, float]]:
    school = house.school(registrants, lambda number: f"g{number}@docomo.ne.jp")
    house.principal(school)
    account.add(
        house.config, login_id="kansa", role=Role.AUDITOR, display_name="監査", school_ids=[],
        password=PASSWORD, now=clock.now(),
    )  # fmt: skip
    db.statement("ANALYZE")
    app = create_app(house.config)
    auditor, principal = Clerk(app), Clerk(app)
    auditor.login("kansa")
    principal.login(f"kocho{school.id}")
    someone = 10 + ACCOUNTS // 2
    today = clock.now().date()
    middle = int((clock.now().timestamp() - 500 * 86_400) * 1_000_000)
    year = f"from={today.replace(year=today.year - 2)}&until={today.replace(year=today.year - 1)}"
    asked: dict[str, Callable[[], object]] = {
        "newest": lambda: auditor.open("/records"),
        "deep": lambda: auditor.open(f"/records?before={middle}-{records // 2}"),
        "person": lambda: auditor.open(f"/records?account={someone}"),
        "school": lambda: auditor.open("/records?school=17"),
        "act": lambda: auditor.open("/records?act=broadcast.sent"),
        "person, act, a year": lambda: auditor.open(f"/records?account={someone}&act=child.moved&{year}"),
        "school, act, a year": lambda: auditor.open(f"/records?school=17&act=child.moved&{year}"),
        "school, person (rare)": lambda: auditor.open(f"/records?school=17&account={someone}"),
        "50 registrants opened": lambda: principal.open(f"/schools/{school.id}/registrants"),
        "login": lambda: _login(app, school.id),
    }
    return {name: _timed(ask) for name, ask in asked.items()}


def _login(app: Flask, school_id: int) -> None:
    clerk = Clerk(app)
    clerk.open("/login")
    clerk.send("/login", login_id=f"kocho{school_id}", password=PASSWORD)
    assert clerk.path == "/"


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """p50 and p95 in milliseconds."""
    taken = []
    for _ in range(PAGES):
        begun = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(taken, n=20)
    return round(cuts[9], 1), round(cuts[18], 1)
