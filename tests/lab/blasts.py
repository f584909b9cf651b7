"""A school as large as the ward, and broadcasts to all of it, beside what the carriers have taken.

Owns the scripts that run on a node with the deployed program, and counting at the carriers: who got nothing,
who got it twice. Refuses to strike anything. Fails with `LabRefused`, which holds the traceback.
"""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from demo.carriers.mailboxes import box_of
from demo.people import Condition, Guardian, guardian
from tests.lab import internet, places, ward, wires
from tests.lab.host import LabRefused

_REGISTER = """
import json
from pathlib import Path
from appliance import clock, config, db, keystore
from appliance.address import parse
from appliance.config import Zone
from appliance.directory import schools
from appliance.keys import Purpose, Slot, name_form
from appliance.models import Address, Child, Registration, School
from appliance.models.fields import row_id

from appliance.registration.request import site_label
from appliance.states import RegistrationState

settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
mail, names = (keystore.open_keyring(settings, zone) for zone in (Zone.MAIL, Zone.GUARDIAN))
school = School.get_or_none(School.name == "みなも訓練小学校")
if school is None:
    school = schools.add_school("elementary", "みなも訓練小学校", "Minamo Drill Elementary School")
    (class_,) = schools.add_classes(school, (("1年", "1組"),))
    now = clock.now()
    def sealed(table, column, row):
        return names.seal(Slot(Purpose.NAMES, table, column, school.id, row), "児童 " + str(row))

    everybody = Path("/root/guardians.txt").read_text().split()
    for start in range(0, len(everybody), 1000):
        rows = [(row_id(), row_id(), row_id(), parse(text)) for text in everybody[start : start + 1000]]
        with db.transaction():
            Address.insert_many([
                {"id": id_, "school_id": school.id, "created_at": now, "site": site_label(mail, address),
                 "address_index": mail.index(Purpose.ADDRESSES, address.index_form),
                 "sealed": mail.seal(Slot(Purpose.ADDRESSES, "address", "sealed", school.id, id_),
                                     address.canonical)}
                for id_, _, _, address in rows]).execute()
            Child.insert_many([
                {"id": id_, "school": school.id, "school_class": class_, "created_at": now,
                 "name_sealed": sealed("child", "name_sealed", id_),
                 "name_index": names.index(Purpose.NAMES, name_form("児童 " + str(id_)))}
                for _, id_, _, _ in rows]).execute()
            Registration.insert_many([
                {"id": id_, "school": school.id, "address": address_id, "child": child_id,
                 "guardian_name_sealed": sealed("registration", "guardian_name_sealed", id_),
                 "state": RegistrationState.CONFIRMED,
                 "token_hash": id_.to_bytes(32, "big"), "requested_at": now, "expires_at": now,
                 "confirmed_at": now}
                for address_id, child_id, id_, _ in rows]).execute()
print(json.dumps(school.id))
"""

_SEND = """
from pathlib import Path
from appliance import broadcast, clock, config, db
from appliance.actor import Actor, Role
from appliance.audience import Audience
from appliance.config import Zone
from appliance.models import Account, School

settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
school = School.get_by_id(%d)
kouchou = Account.get(Account.login_id == "kouchou")
actor = Actor(kouchou.id, Role.PRINCIPAL, frozenset({school.id}), Zone.ADMIN, network="198.51.100.0/24")
draft = broadcast.draft(actor, school, urgent=True, category="disaster", once_key="%s", now=clock.now(),
                        subject="大雨警報", body="13時30分に集団で下校します。", audience=Audience(None))
print(broadcast.send(settings, actor, draft, shown_addresses=%d, now=clock.now()))
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many guardians of one school, each with a mailbox that works."""

    school_id: int
    boxes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Taken:
    """What the carriers took of one blast."""

    missing: int
    doubled: int
    """Mails that came again to a mailbox that had them, by Message-ID."""


def people(first: int = 1) -> Iterator[Guardian]:
    """Guardians from that number on whose mailboxes work."""
    number = first
    while True:
        if (found := guardian(number)).condition is Condition.FINE:
            yield found
        number += 1


def register(count: int) -> Crowd:
    """The school with so many registered; the second call finds it and must ask for as many."""
    everybody = list(islice(people(), count))
    addresses = "\n".join(person.address.wire() for person in everybody)
    (places.BY_NAME["n1"].root / "root/guardians.txt").write_text(addresses)
    school_id = int(ward.python("n1", _REGISTER, timeout_s=900).split()[-1])
    return Crowd(school_id, frozenset(box_of(person.address) for person in everybody))


def send(crowd: Crowd, once_key: str, node: str) -> None:
    """The principal's broadcast to everybody."""
    told = ward.python(node, _SEND % (crowd.school_id, once_key, len(crowd.boxes)), timeout_s=300)
    if int(told.split()[-1]) != len(crowd.boxes):
        raise LabRefused(f"the broadcast has {told.split()[-1]} deliveries, not {len(crowd.boxes)}")


def count_anew() -> None:
    """The carriers forget what they have taken so far."""
    ask("reset", method="POST")


def taken_by_mailbox() -> dict[str, int]:
    """How many mails the carriers have taken since `count_anew`, by mailbox."""
    found: dict[str, int] = ask("mailboxes")
    return found


def taken_in_all() -> int:
    """The same, as one number: cheap to ask."""
    return int(ask("counts")["total"]["taken"])


def judged(crowd: Crowd) -> Taken:
    """What everybody has by now."""
    found = taken_by_mailbox()
    missing = sum(box not in found for box in crowd.boxes)
    return Taken(missing, int(ask("counts")["total"]["duplicates"]))


def ask(path: str, method: str = "GET") -> dict:
    """One question to the carriers' process (`demo.carriers.control`)."""
    with wires.standing_in("internet"):
        connection = http.client.HTTPConnection("127.0.0.1", internet.CONTROL_PORT, timeout=30)
        connection.connect()
    connection.request(method, f"/{path}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer
