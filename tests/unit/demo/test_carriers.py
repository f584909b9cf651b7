"""The carrier simulator: real answers, limits and scripts, spoken to with the standard library."""

import smtplib
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.carriers import scenario
from demo.carriers.brands import BRANDS
from demo.carriers.census import Census
from demo.carriers.counts import Counts
from demo.carriers.door import Door
from demo.carriers.drill import Drill, DrillFailed
from demo.carriers.manners import Manners
from demo.carriers.scenario import ScenarioRefused
from demo.people import Condition
from tests.support.waiting import until

IP = {brand.key: brand.ip for brand in BRANDS}
MAIL = "From: a@mail.midori.example\r\nMessage-ID: <{0}@mail.midori.example>\r\nDate: {1}\r\n\r\nhello\r\n"
MORNING, NOON = "Mon, 01 Jun 2026 08:00:00 +0900", "Mon, 01 Jun 2026 12:00:00 +0900"


def written(folder: Path, text: str) -> str:
    path = folder / "drill.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def calm() -> Iterator[Drill]:
    with Drill("calm", seconds=60) as drill:
        yield drill


def send(
    drill: Drill,
    carrier: str,
    to: str,
    *,
    key: str = "k",
    date: str = MORNING,
    sender: str = "b@bounce.example",
) -> tuple[int, str]:
    """One mail on a connection of its own; the reply that decided."""
    try:
        with smtplib.SMTP(IP[carrier], drill.port, local_hostname="mx.midori.example", timeout=10) as client:
            client.sendmail(sender, [to], MAIL.format(key, date).encode())
    except smtplib.SMTPRecipientsRefused as refused:
        ((code, said),) = refused.recipients.values()
        return code, said.decode()
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code, bytes(refused.smtp_error).decode()
    return 250, ""


def test_docomo_and_au_say_the_same_of_unknown_and_filtered_and_softbank_drops_after_250(calm: Drill) -> None:
    assert send(calm, "docomo", "unknown1@docomo.ne.jp")[1].startswith("Unknown user")
    assert send(calm, "docomo", "filtered1@docomo.ne.jp")[1].startswith("Unknown user")
    assert send(calm, "docomo", "full1@docomo.ne.jp") == (552, "Too much mail data")
    assert send(calm, "au", "filtered1@ezweb.ne.jp") == (550, "<filtered1@ezweb.ne.jp>: User unknown")
    assert send(calm, "softbank", "unknown1@softbank.ne.jp")[1].startswith("Invalid recipient")
    assert send(calm, "softbank", "filtered1@softbank.ne.jp") == (250, "")
    assert send(calm, "softbank", "fine1@softbank.ne.jp") == (250, "")
    counts = calm.counts()
    assert counts["carriers"]["docomo"]["refused"] == {"filtered": 1, "full": 1, "unknown": 1}
    softbank = counts["carriers"]["softbank"]
    assert (softbank["taken"], softbank["kept"], softbank["dropped"]) == (2, 1, 1)
    assert counts["total"]["taken"] == 2


def test_lines_and_headers_that_are_too_long_are_refused_where_they_really_are(calm: Drill) -> None:
    def deliver(carrier: str, to: str, content: str) -> int:
        with smtplib.SMTP(IP[carrier], calm.port, local_hostname="mx.midori.example", timeout=10) as client:
            try:
                client.sendmail("b@bounce.example", [to], content.encode())
            except smtplib.SMTPDataError as refused:
                return refused.smtp_code
        return 250

    assert deliver("docomo", "fine1@docomo.ne.jp", "A: b\r\n\r\n" + 998 * "x" + "\r\n") == 250
    assert deliver("docomo", "fine1@docomo.ne.jp", "A: b\r\n\r\n" + 999 * "x" + "\r\n") == 554
    assert deliver("au", "fine1@au.com", "A: b\r\n\r\n" + 999 * "x" + "\r\n") == 250
    long_header = "".join(f"X-{number}: {90 * 'y'}\r\n" for number in range(140))
    assert deliver("softbank", "fine1@softbank.ne.jp", long_header + "\r\nhello\r\n") == 552
    assert deliver("google", "fine1@gmail.com", long_header + "\r\nhello\r\n") == 250


def test_nobody_missing_nobody_twice_nothing_out_of_order(calm: Drill) -> None:
    send(calm, "au", "a..b@au.com", key="one", date=NOON)
    send(calm, "au", "a..b@au.com", key="one", date=NOON)
    send(calm, "au", "a..b@au.com", key="two", date=MORNING)
    send(calm, "apple", "fine2@icloud.com", key="three")
    total = calm.counts()["total"]
    assert (total["taken"], total["mailboxes"], total["duplicates"], total["reordered"]) == (4, 2, 1, 1)
    assert calm.mailboxes() == {"a..b@au.com": 3, "fine2@icloud.com": 1}
    calm.reset()
    assert calm.counts()["total"]["taken"] == 0


def test_what_will_be_refused_can_be_counted_in_advance() -> None:
    addresses = [f"hogosha{number}@docomo.ne.jp" for number in range(200)]
    addresses += [f"hogosha{number}@softbank.ne.jp" for number in range(100)]
    with Drill("docomo-filters", seconds=60) as drill:
        expected = drill.forecast(addresses)
        got: Counter[str] = Counter()
        for address in addresses:
            carrier = "docomo" if address.endswith("docomo.ne.jp") else "softbank"
            got[str(send(drill, carrier, address, key=address.replace("@", "."))[0])] += 1
        total = drill.counts()["total"]
    assert 30 < expected["filtered"] < 55
    assert 10 < expected["dropped"] < 35
    assert got["250"] == expected["kept"] + expected["dropped"]
    assert got["550"] == expected["unknown"] + expected["filtered"]
    assert {"kept": total["kept"], "dropped": total["dropped"], **total["refused"]} == dict(expected)


def test_au_resets_a_sender_that_comes_too_fast_and_lets_it_in_again(tmp_path: Path) -> None:
    text = '[au]\nper_s = 1\nburst = 2\nblock_s = 0.3\ntoo_fast = "reset"\n'
    with Drill(written(tmp_path, text), seconds=60) as drill:
        assert send(drill, "au", "fine1@au.com")[0] == 250
        assert send(drill, "au", "fine2@au.com")[0] == 250
        with pytest.raises((ConnectionResetError, smtplib.SMTPServerDisconnected)):
            send(drill, "au", "fine3@au.com")
        with pytest.raises((ConnectionResetError, smtplib.SMTPServerDisconnected)):
            send(drill, "au", "fine3@au.com")  # blocked: not even a banner

        def goes_again() -> bool:
            try:
                return send(drill, "au", "fine3@au.com")[0] == 250
            except OSError:
                return False

        until(goes_again, within_s=5, why="the block ends")
        refused = drill.counts()["carriers"]["au"]["refused"]
        assert refused["too_fast"] >= 1
        assert refused["blocked"] >= 1


def test_many_unknown_users_end_in_a_block() -> None:
    door = Door(Manners(unknown_limit=3, block_s=10, too_fast="421 4.7.0 no"))
    assert door.enter("192.0.2.1", 0.0) is None
    for _ in range(3):
        assert door.message("192.0.2.1", 1.0) is None
        door.unknown_user("192.0.2.1", 1.0)
    assert door.message("192.0.2.1", 2.0) == ("blocked", "421 4.7.0 no")
    assert door.enter("192.0.2.1", 5.0) == ("blocked", "421 4.7.0 no")
    assert door.enter("192.0.2.2", 5.0) is None
    assert door.message("192.0.2.1", 11.1) is None


def test_connections_and_messages_per_connection_have_their_limits(tmp_path: Path) -> None:
    text = "[yahoo_jp]\nconnections = 2\nmessages_per_connection = 2\n"
    with Drill(written(tmp_path, text), seconds=60) as drill:

        def client() -> smtplib.SMTP:
            return smtplib.SMTP(IP["yahoo_jp"], drill.port, local_hostname="mx.midori.example", timeout=10)

        first, second = client(), client()
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            client()
        second.quit()
        for number in range(2):
            first.sendmail("b@bounce.example", ["fine1@yahoo.co.jp"], MAIL.format(number, NOON))
        assert first.docmd("MAIL", "FROM:<b@bounce.example>")[0] == 421
        first.close()
        report = drill.counts()["carriers"]["yahoo_jp"]
    assert report["peak_connections"] == 3
    assert report["refused"] == {"session_limit": 1, "too_many": 1}


def test_greylisting_wants_the_same_address_sender_and_recipient_again() -> None:
    door = Door(Manners(greylist_s=10))
    assert door.greylists("192.0.2.1", "b1@bounce.example", "a@au.com", 0.0)
    assert door.greylists("192.0.2.1", "b1@bounce.example", "a@au.com", 9.9)
    assert not door.greylists("192.0.2.1", "b1@bounce.example", "a@au.com", 10.1)
    assert door.greylists("192.0.2.1", "b2@bounce.example", "a@au.com", 10.1)


def test_phases_turn_when_they_are_told(tmp_path: Path) -> None:
    with Drill("all-defer", seconds=60) as drill:
        assert send(drill, "docomo", "fine1@docomo.ne.jp")[0] == 451
        assert send(drill, "google", "fine1@gmail.com")[0] == 450
        drill.turn("recovered")
        assert send(drill, "docomo", "fine1@docomo.ne.jp")[0] == 250
        assert drill.counts()["total"]["refused"] == {"deferred": 2}
        with pytest.raises(DrillFailed, match="recovered"):
            drill.turn("nonsense")


def test_phases_turn_by_the_clock_and_an_outage_is_one(tmp_path: Path) -> None:
    text = '[[phase]]\nname = "dark"\nfrom_s = 0.1\n[phase.docomo]\ndown = true\n[[phase]]\nname = "back"\n'
    with Drill(written(tmp_path, text), seconds=60) as drill:
        assert send(drill, "docomo", "fine1@docomo.ne.jp")[0] == 250
        until(lambda: drill.counts()["phase"] == "dark", why="the page turns")
        with pytest.raises(ConnectionRefusedError):
            send(drill, "docomo", "fine1@docomo.ne.jp")
        assert send(drill, "au", "fine1@au.com")[0] == 250
        drill.turn("back")
        assert send(drill, "docomo", "fine2@docomo.ne.jp")[0] == 250


def test_replies_take_their_time_and_stay_in_order(tmp_path: Path) -> None:
    """Pipelined commands in many small pieces: each piece draws a latency of its own."""
    with (
        Drill(written(tmp_path, "[all]\nlatency_ms = [1, 30]\n"), seconds=60) as drill,
        socket.create_connection((IP["google"], drill.port), timeout=10) as client,
    ):
        lines = ["EHLO mx.midori.example"] + ["NOOP", "VRFY x", "RSET"] * 8 + ["QUIT"]
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in lines:
            client.sendall(line.encode() + b"\r\n")
        with client.makefile("rb") as replies:
            codes = [reply[:3] for reply in replies if reply[3:4] == b" "]
    assert codes == [b"220", b"250", *[b"250", b"502", b"250"] * 8, b"221"]


@pytest.mark.parametrize("name", scenario.shipped())
def test_every_shipped_scenario_can_be_read(name: str) -> None:
    assert scenario.load(name).title


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[docmo]\nunknown = 0.1\n", "docmo: expected a table named all or docomo"),
        ("[docomo]\nunkown = 0.1\n", "docomo.unkown: Extra inputs"),
        ("[docomo]\nunknown = 0.6\nfull = 0.6\n", "no more than 1"),
        ('[au]\ntoo_fast = "go away"\n', "expected a 4xx or 5xx reply"),
        ('[others.far]\ndomain = "far.example"\nip = "192.0.2.1"\n', "others.far.ip"),
        ("[[phase]]\nfrom_s = 3\n", "phase: expected a name"),
    ],
)
def test_a_scenario_that_is_wrong_says_where(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ScenarioRefused, match=why.replace(".", r"\.")):
        scenario.load(written(tmp_path, text))


def test_the_program_says_in_one_sentence_what_is_wrong_with_a_scenario() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.carriers", "--scenario", "nowhere.toml"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "all-defer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_census_is_the_same_everywhere_and_follows_the_shares() -> None:
    census, manners = Census("seed"), Manners(unknown=0.1, filtered=0.2)
    found = Counter(census.condition(f"hogosha{number}@au.com", manners) for number in range(5000))
    assert 0.08 < found[Condition.GONE] / 5000 < 0.12
    assert 0.17 < found[Condition.FILTERED] / 5000 < 0.23
    assert census.condition("unknown.yamada@au.com", Manners()) is Condition.GONE
    assert census.condition("fine7@au.com", Manners(unknown=1)) is Condition.FINE
    assert census.condition("fullerton@au.com", Manners()) is Condition.FINE


def test_a_mail_without_a_date_or_message_id_is_counted_all_the_same() -> None:
    counts = Counts()
    counts.take("a@au.com", b"\r\nhello\r\n", dropped=False)
    counts.take("a@au.com", b"Subject: x\r\n\r\nMessage-ID: <in@the.body>\r\n", dropped=False)
    assert counts.report()["taken"] == 2
    assert counts.report()["duplicates"] == 0


def test_every_manner_and_scenario_is_in_the_manual() -> None:
    manual = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    missing = [name for name in [*Manners.model_fields, *scenario.shipped()] if f"`{name}`" not in manual]
    assert not missing
