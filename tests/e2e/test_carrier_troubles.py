"""Carriers in trouble: what the school sees while one blocks, is silent or is gone, and what comes of it.

The scenarios `au-blocks`, `softbank-silent` and `outage` of the simulator, against the real relay.
"""

from pathlib import Path

import pytest

from appliance import broadcast, clock, health, reach
from appliance.address import Carrier
from appliance.delivery import progress
from appliance.models import Broadcast, Delivery
from appliance.states import DELIVERY_OPEN, BroadcastState, DeliveryState
from demo.carriers.scenario import SHIPPED
from tests.e2e.drilled import Ward, ward
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ACCEPTED, DEFERRED, EXPIRED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.EXPIRED
AU = ("ezweb.ne.jp", "au.com")
# a machine that sends 26 mails a second in all is too fast for this au, too
_SHIPPED = (SHIPPED / "au-blocks.toml").read_text(encoding="utf-8")
AU_BLOCKS = _SHIPPED.replace("per_s = 40", "per_s = 6").replace("burst = 60", "burst = 10")


def at(here: Ward, *domains: str) -> list[str]:
    return [address for address in here.addresses if address.endswith(tuple("@" + each for each in domains))]


def waiting(sent: Broadcast) -> set[Carrier]:
    """The carriers that the status page shows something as waiting for."""
    rows = progress(sent.id).by_carrier
    return {carrier for carrier, counts in rows.items() if sum(counts[state] for state in DELIVERY_OPEN)}


def restarted(here: Ward, **au: object) -> None:
    """The operator has changed what is asked of au, and starts the worker again."""
    path = here.house.file
    asked = "".join(f"{key} = {value}\n" for key, value in au.items())
    path.write_text(path.read_text().replace("[relay.sites.au]\n", "[relay.sites.au]\n" + asked))
    here.house.worker()


def test_au_blocks_us_and_only_its_guardians_wait(tmp_path: Path, sqlite_url: str) -> None:
    with ward(tmp_path, sqlite_url, AU_BLOCKS, 600) as here:
        au = here.drill.forecast(at(here, *AU))
        others = 600 - sum(au.values())
        sent = here.send()
        worker = here.house.worker()
        until(lambda: waiting(sent) == {Carrier.AU}, within_s=30, why="only au is left")
        until(lambda: '"reason": "reset"' in here.house.log(), within_s=20, why="au has blocked us")

        counts = progress(sent.id)
        taken = counts.by_carrier[Carrier.AU][ACCEPTED]
        assert counts.by_state[ACCEPTED] - taken == others
        assert taken < au["kept"]
        assert counts.by_state[DeliveryState.FAILED] <= au["unknown"]
        seen = {row.carrier: row for row in health.by_carrier(clock.now())}
        assert seen[Carrier.AU].waiting + seen[Carrier.AU].deferrals > 0
        assert {carrier for carrier, row in seen.items() if row.waiting or row.deferrals} == {Carrier.AU}
        assert all(seen[carrier].accept_rate == 1 for carrier in seen.keys() - {Carrier.AU})
        assert reach.count(sent).waiting > 0

        worker.terminate()
        assert worker.wait(timeout=30) == 0
        restarted(here, per_s=5, connections_per_s=1)

        def all_there() -> bool:
            here.house.hurry()
            return not waiting(sent)

        until(all_there, within_s=60, why="au has taken the rest")
        assert here.house.states(sent) == {
            ACCEPTED: others + au["kept"], DeliveryState.FAILED: au["unknown"]
        }  # fmt: skip
        assert here.drill.counts()["total"]["duplicates"] <= len(here.house.uncertain())


def test_softbank_says_nothing_and_nobody_else_waits_for_it(tmp_path: Path, sqlite_url: str) -> None:
    """Connections that are taken and never answered end by our own timeout; the school reads 'waiting'."""
    with ward(tmp_path, sqlite_url, "softbank-silent", 600) as here:
        softbank = len(at(here, "softbank.ne.jp", "i.softbank.jp"))
        sent = here.send()
        worker = here.house.worker()
        here.house.wait_until(sent, ACCEPTED, 600 - softbank)
        until(
            lambda: progress(sent.id).by_carrier[Carrier.SOFTBANK][DEFERRED] == softbank,
            within_s=30,
            why="softbank's are put off",
        )
        assert waiting(sent) == {Carrier.SOFTBANK}
        assert {row.reason for row in Delivery.select().where(Delivery.state == DEFERRED)} == {"timeout"}
        assert here.drill.counts()["carriers"]["softbank"]["taken"] == 0
        count = reach.count(sent)
        assert (count.confirmed, count.accepted, count.waiting, count.none) == (
            0,
            600 - softbank,
            softbank,
            0,
        )

        here.drill.turn("recovered")
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        here.house.worker()

        def all_there() -> bool:
            here.house.hurry()
            return here.house.states(sent) == {ACCEPTED: 600}

        until(all_there, within_s=40, why="softbank has it, too")
        assert reach.count(sent).confirmed == 0  # a 250 is an acceptance and no more
        here.nobody_is_missing(sent)


def test_after_an_outage_what_is_of_no_use_any_more_asks_a_person(tmp_path: Path, sqlite_url: str) -> None:
    """docomo is gone and au's name servers time out; docomo's part is late, au's is not."""
    with ward(tmp_path, sqlite_url, "outage", 600) as here:
        docomo, au = len(at(here, "docomo.ne.jp")), len(at(here, *AU))
        here.drill.turn("dark")
        here.house.names.silent = set(AU)
        sent = here.send()
        worker = here.house.worker()
        here.house.wait_until(sent, ACCEPTED, 600 - docomo - au)
        until(
            lambda: progress(sent.id).by_carrier[Carrier.DOCOMO][DEFERRED] == docomo,
            within_s=30,
            why="docomo's are put off",
        )
        assert waiting(sent) == {Carrier.DOCOMO, Carrier.AU}
        assert here.house.states(sent).get(ACCEPTED) == 600 - docomo - au

        # eleven o'clock: of no use any more, and docomo is still dark
        Delivery.update(expires_at=clock.now()).where(Delivery.site == "docomo").execute()
        here.house.wait_until(sent, EXPIRED, docomo)
        until(lambda: here.drill.counts()["phase"] == "recovered", within_s=40, why="the carriers are back")
        here.house.names.silent = set()
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        here.house.worker()

        def au_is_there() -> bool:
            here.house.hurry()
            return here.house.states(sent) == {ACCEPTED: 600 - docomo, EXPIRED: docomo}

        until(au_is_there, within_s=40, why="au has it")
        until(lambda: _state(sent) == BroadcastState.FINISHED, within_s=20, why="it is over")

        # docomo has been back for a while, and nothing of what is late has gone by itself
        assert here.drill.counts()["carriers"]["docomo"]["taken"] == 0
        assert reach.count(sent).none == docomo
        over = Broadcast.get_by_id(sent.id)
        assert broadcast.left_over(over, clock.now()) == docomo
        config = here.house.installation.config
        broadcast.send_late(config, here.principal, over, shown_addresses=docomo, now=clock.now())
        here.house.wait_until(sent, ACCEPTED, 600, within_s=40)
        here.everybody_has_it_once(sent)


def _state(sent: Broadcast) -> BroadcastState:
    found: BroadcastState = Broadcast.get_by_id(sent.id).state
    return found
