"""`karamail device first`: a school's first PC becomes known, while nobody can approve one yet."""

import re

from appliance import clock, device
from appliance.config import Config, Zone
from appliance.models import Device
from tests.cli.conftest import Karamail


def test_the_code_on_the_screen_enrols_a_device_of_the_ward_office(
    database: Config, karamail: Karamail
) -> None:
    told = karamail("device", "first", "--name", "区役所の1番").output
    found = re.search(r"(\S+)/enrol  code (\S+)", told)
    assert found is not None, told
    assert found[1] == database.admin.origin
    assert device.by_code(Zone.ADMIN, found[2], clock.now()).name == "区役所の1番"


def test_a_school_that_is_not_there_gets_no_device(database: Config, karamail: Karamail) -> None:
    for words in (("--name", "PC", "--school", "99"), ("--name", " ")):
        assert karamail("device", "first", *words).exit_code == 1
    assert Device.select().count() == 0
