"""Nothing accepted is lost: a daemon that is killed ten times in the middle of a broadcast (promise 1).

Real workers, a real receiver that writes down every mail, kill -9 while letters are on their way.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from appliance import broadcast, clock, delivery
from appliance.audience import Audience
from appliance.models import Delivery
from appliance.states import DeliveryState
from tests.support.installation import Installation, nameserver
from tests.support.waiting import free_port, until

RECIPIENTS = 5_000
KILLS = 10
CONNECTIONS = 10
IN_FLIGHT = 2 * CONNECTIONS  # per kill: one letter being answered and one being written, per connection


class Receiver:
    """Takes every mail and counts it by recipient."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(  # noqa: N802  (aiosmtpd names it so)
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.taken.update(envelope.rcpt_tos)
        await asyncio.sleep(0.002)  # a receiver takes its time: letters are in flight
        return "250 2.0.0 taken"


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, int]]:
    handler, port = Receiver(), free_port("127.0.0.31")
    controller = Controller(handler, hostname="127.0.0.31", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_kills_lose_nobody_and_every_double_is_listed(
    tmp_path: Path, sqlite_url: str, receiver: tuple[Receiver, int]
) -> None:
    handler, port = receiver
    dns_port = free_port()
    installation = Installation(
        tmp_path / "house", sqlite_url, mail_port=free_port(), dns_port=dns_port, smtp_port=port
    )
    path = tmp_path / "house" / "karamail.toml"
    path.write_text(path.read_text() + f"\n[relay.sites.other]\nconnections = {CONNECTIONS}\n")
    school = installation.school(RECIPIENTS, lambda number: f"hogosha{number}@keitai.example")
    actor = installation.principal(school)
    draft = broadcast.draft(
        actor, school, urgent=True, category="disaster", once_key="kill", now=clock.now(),
        subject="休校", body="本日は休校です。", audience=Audience(None),
    )  # fmt: skip
    zone = "keitai.example. IN MX 10 mx.keitai.example.\nmx.keitai.example. IN A 127.0.0.31"
    lock = threading.Lock()

    def accepted() -> int:
        with lock:
            return delivery.progress(draft.id).by_state[DeliveryState.ACCEPTED]

    with nameserver(dns_port, zone):
        broadcast.send(installation.config, actor, draft, shown_addresses=RECIPIENTS, now=clock.now())
        for kill in range(1, KILLS + 1):
            worker = installation.worker("1")
            wanted = kill * RECIPIENTS // (KILLS + 2)
            until(
                lambda wanted=wanted: sum(handler.taken.values()) >= wanted, within_s=40, why=f"kill {kill}"
            )
            worker.kill()
            worker.wait()
        installation.worker("1")
        until(lambda: accepted() == RECIPIENTS, within_s=60, why="the rest")
        uncertain = Delivery.select().where(Delivery.uncertain == True).count()  # noqa: E712  (SQL)
        installation.close()
    doubled = [address for address, count in handler.taken.items() if count > 1]
    assert len(handler.taken) == RECIPIENTS
    assert len(doubled) <= uncertain <= KILLS * IN_FLIGHT
