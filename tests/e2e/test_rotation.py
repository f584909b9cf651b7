"""The DKIM keys change while a worker runs: it signs with the new ones from its next letters on."""

import re
from pathlib import Path

import pytest

from appliance import clock
from appliance.keys import signing
from appliance.states import DeliveryState
from tests.e2e.house import House
from tests.support import dkim_judges

pytestmark = pytest.mark.slow


def selectors(content: bytes) -> set[str]:
    return {found.decode() for found in re.findall(rb"\ts=([a-z0-9-]+);", content)}


def test_a_running_worker_takes_up_newly_activated_keys(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        receiver = house.receiver()
        school, principal = house.school(1)
        house.worker()
        folder = house.installation.config.secrets_dir / "mail"
        old = signing.read(folder)
        house.wait_until(house.send(school, principal), DeliveryState.ACCEPTED, 1)

        signing.write(folder, signing.activated(signing.fresh(old, clock.now()), clock.now()))
        new = signing.active(signing.read(folder))
        house.wait_until(house.send(school, principal), DeliveryState.ACCEPTED, 1)

        first, second = receiver.mails()
        assert selectors(first.content) == {key.selector for key in old}
        assert selectors(second.content) == {key.selector for key in new}
        records = dkim_judges.records(house.installation.config.mail.from_domain, new)
        assert dkim_judges.dkimpy(second.content, records) == 2
        assert "signing.keys_changed" in house.log()


def test_a_damaged_key_file_stops_no_mail(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        receiver = house.receiver()
        school, principal = house.school(1)
        house.worker()
        folder = house.installation.config.secrets_dir / "mail"
        old = signing.read(folder)
        house.wait_until(house.send(school, principal), DeliveryState.ACCEPTED, 1)
        (folder / signing.FILE).write_text("half a fi")
        house.wait_until(house.send(school, principal), DeliveryState.ACCEPTED, 1)
        assert selectors(receiver.mails()[-1].content) == {key.selector for key in old}
        assert "signing.keys_unusable" in house.log()
