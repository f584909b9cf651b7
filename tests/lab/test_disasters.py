"""While a blast to the whole ward runs, something breaks. What people feel of it, in seconds and mails.

    make lab-test LONG=1 ARGS=tests/lab/test_disasters.py [GUARDIANS=43000]

Writes var/disasters.md, the table of docs/redundancy.md.
"""

import os
import time
from dataclasses import astuple, dataclass

import httpx
import pytest

from tests.lab import blasts, places, strikes, ward
from tests.lab.blasts import Crowd
from tests.lab.people import Browser
from tests.lab.probes import Pauses, Probe, Strangers, log_in
from tests.lab.strikes import Strike
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

GUARDIANS = int(os.environ.get("GUARDIANS", "43000"))
_BAR_S = 30.0
"""One node lost at any moment costs at most so long."""
_THROUGH_S = 900.0
_WHOLE_S = 180.0
_BOUND = 400
"""Mails that a lost node's worker had in the air: at most what its limits to all carriers allow at once."""
_HEAD = (
    "| what | pause in sending, s | empty mail, s | login, s | the last has it, s | mails lost | doubles "
    "| empty mails accepted | of them lost | whole again, s |"
)
_TABLE = places.ROOT / "var" / "disasters.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    sending_s: float
    empty_mail_s: float
    login_s: float
    everybody_s: float
    """Until the last of the blast has it."""
    lost: int
    doubled: int
    promised: int
    registrations_lost: int
    whole_s: float


@pytest.fixture(scope="module")
def crowd(school: Founded) -> Crowd:
    return blasts.register(GUARDIANS)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """What was measured so far; `note` writes it."""
    return []


def note(rows: list[Row], row: Row) -> None:
    rows.append(row)
    lines = [_HEAD, "|---" + "|--:" * (_HEAD.count("|") - 2) + "|"]
    for each in rows:
        cells = [f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in astuple(each)]
        lines.append(f"| {' | '.join(cells)} |")
    _TABLE.write_text("\n".join(lines) + "\n")


def struck(strike: Strike, crowd: Crowd, school: Founded) -> Row:
    """A blast, the strike when a fifth of it has gone out, and everything that comes of it."""
    until(strikes.whole, within_s=_WHOLE_S, why="all three nodes before it begins")
    everybody_s = 0.0
    target = strikes.leader()
    code = ward.fresh_code(school, target.name).code
    strangers, pauses, size = Strangers(code), Pauses(), len(crowd.boxes)
    blasts.count_anew()
    with Probe(log_in) as login, strangers as empty:
        until(lambda: login.works_since(0) and empty.works_since(0), within_s=30, why="all is well before")
        blasts.send(crowd, f"{strike.name} {time.time():.0f}", target.name)
        until(lambda: pauses.look() > size // 5, within_s=_THROUGH_S, why="a fifth of the blast")
        struck_s = time.monotonic()
        strike.begin(target)
        try:
            if strike is strikes.TWO_LOST:
                two_are_gone(empty, struck_s)
            else:
                until(lambda: _through(pauses, crowd), within_s=_THROUGH_S, why="the blast is through")
                everybody_s = time.monotonic() - struck_s
                _well_again(login, empty, struck_s)
        finally:
            ended_s = time.monotonic()
            strike.end(target)
        if strike is strikes.TWO_LOST:
            struck_s = ended_s
            until(lambda: _through(pauses, crowd), within_s=_THROUGH_S, why="the blast is through")
            everybody_s = time.monotonic() - struck_s
            _well_again(login, empty, struck_s)
        done_s = time.monotonic() if strike is strikes.TWO_LOST else ended_s
        until(strikes.whole, within_s=_WHOLE_S, why="three nodes again, without a hand")
        whole_s = time.monotonic() - ended_s
    until(lambda: not strangers.unanswered(), within_s=90, why="a reply to everybody who was told 250")
    taken = blasts.judged(crowd)
    return Row(
        strike.name, pauses.longest_s(struck_s, size * 95 // 100), empty.outage_s(struck_s, done_s),
        login.outage_s(struck_s, done_s), everybody_s, taken.missing, taken.doubled, len(strangers.promised),
        len(strangers.unanswered()), whole_s,
    )  # fmt: skip


def _well_again(login: Probe, empty: Strangers, since_s: float) -> None:
    for probe, why in ((login, "a login"), (empty, "an empty mail")):
        until(lambda probe=probe: probe.works_since(since_s), within_s=60, why=why)


def _through(pauses: Pauses, crowd: Crowd) -> bool:
    time.sleep(0.25)
    return pauses.look() >= len(crowd.boxes) and not blasts.judged(crowd).missing


@pytest.mark.parametrize("strike", strikes.ONE_LOST, ids=lambda strike: strike.name)
def test_one_node_lost_costs_seconds_and_no_mail(
    strike: Strike, crowd: Crowd, school: Founded, rows: list[Row]
) -> None:
    row = struck(strike, crowd, school)
    note(rows, row)
    assert (row.lost, row.registrations_lost) == (0, 0)
    assert max(row.sending_s, row.empty_mail_s, row.login_s) <= _BAR_S, row
    assert row.doubled <= _BOUND, row


def test_with_two_nodes_gone_nothing_is_promised_and_nothing_is_lost(
    crowd: Crowd, school: Founded, rows: list[Row]
) -> None:
    row = struck(strikes.TWO_LOST, crowd, school)
    note(rows, row)
    assert (row.lost, row.registrations_lost) == (0, 0)
    assert max(row.sending_s, row.empty_mail_s, row.login_s) <= 90, row


def two_are_gone(empty: Strangers, since_s: float) -> None:
    """Nobody is told 250, and a site says in words that it cannot now."""
    until(lambda: _refused(empty, since_s), within_s=90, why="an empty mail is put off")
    settled_s = time.monotonic()
    until(lambda: _refused(empty, settled_s), within_s=60, why="the next, too")
    assert not empty.works_since(settled_s)
    until(_says_so, within_s=60, why="words on the page")


def _refused(empty: Strangers, since_s: float) -> bool:
    """By a server that is there."""
    return any("451" in each.said and each.began_s >= since_s for each in empty.attempts)


def _says_so() -> bool:
    """At the addresses that the node which is left keeps: who tries something reads that it was not done."""
    try:
        with Browser("admin", patience_s=30) as browser:
            login = browser.submit("/login", browser.open("/login"), login_id="kouchou", password="chigau")
        with Browser("guardian", patience_s=30) as browser:
            link = browser.open(f"/r/{'a' * 26}")
    except (OSError, httpx.TransportError):
        return False
    return all(page.status_code == 503 and "まだ受け付けていません" in page.text for page in (login, link))
