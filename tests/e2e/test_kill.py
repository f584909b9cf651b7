"""Nothing accepted is lost (promise 1): the daemon is killed ten times in the middle of a broadcast.

Two real workers, a real receiver that writes down every mail before it answers, kill -9 while letters are on
their way. At least once, and here are the uncertain ones: never a recipient without the mail, and no double
that is not listed.
"""

from pathlib import Path

import pytest

from appliance.states import DeliveryState
from tests.e2e.house import House
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RECIPIENTS = 5_000
KILLS = 10
CONNECTIONS = 10  # both workers together; one letter of each may be between its body and its 250


def test_ten_kills_lose_nobody_and_every_double_is_listed(tmp_path: Path, durable_url: str) -> None:
    with House(tmp_path / "house", durable_url, connections=CONNECTIONS, workers=2) as house:
        receiver = house.receiver(delay_s=0.004)
        sent = house.send(*house.school(RECIPIENTS))
        workers = {name: house.worker(name, ready=False) for name in ("1", "2")}
        for kill in range(1, KILLS + 1):
            wanted = kill * RECIPIENTS // (KILLS + 2)
            until(lambda wanted=wanted: len(receiver.mails()) >= wanted, within_s=30, why=f"kill {kill}")
            for worker in workers.values():
                worker.kill()
            for name, worker in workers.items():
                worker.wait()
                workers[name] = house.worker(name, ready=False)
        house.wait_until(sent, DeliveryState.ACCEPTED, RECIPIENTS, within_s=45)
        doubled = {to for to, count in receiver.copies().items() if count > 1}
        doubled_deliveries = {house.delivery_of(mail) for mail in receiver.mails() if mail.to in doubled}
        uncertain = house.uncertain()
        copies = len(receiver.mails())
    assert len(receiver.copies()) == RECIPIENTS
    assert copies - RECIPIENTS <= KILLS * CONNECTIONS
    assert doubled_deliveries <= uncertain
    assert len(uncertain) <= KILLS * CONNECTIONS


def test_a_worker_that_never_comes_back_is_inherited(tmp_path: Path, durable_url: str) -> None:
    """Its machine burned down: after the lease another worker sends what it held, and says what is unsure."""
    with House(tmp_path / "house", durable_url, connections=4, workers=2, lease_s=5) as house:
        receiver = house.receiver(delay_s=0.05)
        sent = house.send(*house.school(300))
        lost = house.worker("1")
        until(lambda: len(receiver.mails()) >= 20, why="it is at work")
        lost.kill()
        lost.wait()
        held = house.states(sent).get(DeliveryState.SENDING, 0)
        receiver.obey()
        house.worker("2")
        house.wait_until(sent, DeliveryState.ACCEPTED, 300)
        doubled = {to for to, count in receiver.copies().items() if count > 1}
        doubled_deliveries = {house.delivery_of(mail) for mail in receiver.mails() if mail.to in doubled}
        assert len(receiver.copies()) == 300
        assert doubled_deliveries <= house.uncertain()
        assert len(house.uncertain()) <= held
