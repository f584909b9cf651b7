"""A school, its security code and a principal, put into the deployed database by the program itself on a
node.

Owns that script. Refuses to touch tables. Fails with `LabRefused`, which holds the traceback.
"""

import json
import shlex
from dataclasses import dataclass

from tests.lab import host

PASSWORD = "minamo-kawa-7-hashi-no-ue"

_FOUND = """
import json
from pathlib import Path
from appliance import account, clock, config, db, security_code
from appliance.actor import Role
from appliance.directory import schools
from appliance.models import Account, School

settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
with db.transaction():
    school = School.get_or_none(School.name == "みなも小学校")
    if school is None:
        school = schools.add_school("elementary", "みなも小学校", "Minamo Elementary School")
        schools.add_classes(school, (("1年", "1組"), ("1年", "2組")))
if Account.get_or_none(Account.login_id == "kouchou") is None:
    account.add(settings, login_id="kouchou", role=Role.PRINCIPAL, display_name="校長 大沢 正樹",
                school_ids=[school.id], password=%r, now=clock.now())
code = security_code.current(school.id) or security_code.renew(school)
print(json.dumps({"id": school.id, "code": code.code}))
"""


_RENEW = """
from pathlib import Path
from appliance import config, db, security_code
from appliance.models import School
db.connect(config.load(Path("/etc/karamail/operator.toml")))
print(security_code.renew(School.get_by_id(%d)).code)
"""


@dataclass(frozen=True, slots=True)
class Founded:
    """A school that guardians can register at."""

    id: int
    code: str


def found(node: str = "n1") -> Founded:
    """The lab's school; the second call finds it."""
    told = python(node, _FOUND % PASSWORD)
    return Founded(**json.loads(told.splitlines()[-1]))


def fresh_code(school: Founded, node: str = "n1") -> Founded:
    """The school with a new code: mails to one code have a budget, and a test spends it."""
    told = python(node, _RENEW % school.id)
    return Founded(school.id, told.split()[-1])


def python(node: str, script: str, *, timeout_s: float = 60) -> str:
    """Runs a script with the deployed program, as an operator does with `karamail`."""
    environment = (
        "PGSSLMODE=verify-full PGSSLROOTCERT=/etc/karamail/rack/authority.crt "
        "PGSSLCERT=/etc/karamail/database/operator.crt PGSSLKEY=/etc/karamail/database/operator.key"
    )
    return host.on(
        node, f"{environment} /opt/karamail/current/bin/python -c {shlex.quote(script)}", timeout_s=timeout_s
    )


FAMILY = ["木綱 千夏", "木綱 母", "kizuna@docomo.ne.jp"]
_REGISTER = """
import os
from pathlib import Path
from appliance import address, clock, config, db, keystore, registration, token
from appliance.config import Zone
from appliance.models import SchoolClass
from appliance.registration.request import link_token
settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
mail, form = (keystore.open_keyring(settings, zone) for zone in (Zone.MAIL, Zone.GUARDIAN))
made = registration.request(mail, local_part="%s", sender=address.parse("kizuna@docomo.ne.jp"),
                            digest=os.urandom(32), now=clock.now(), budget=10)
registration.confirm(form, token.write(link_token(mail, made.registration_id)), now=clock.now(),
                     school_class_id=SchoolClass.get(SchoolClass.school == %d).id,
                     child_name="木綱 千夏", guardian_name="木綱 母")
"""
_LISTED = """
import json
from pathlib import Path
from appliance import config, db, keystore
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.directory import registrants
settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
clerk = Actor(0, Role.PRINCIPAL, frozenset({%d}), Zone.ADMIN)
rows = registrants.page(clerk, keystore.open_keyring(settings, Zone.ADMIN), %d, None, 50).rows
print(json.dumps(sorted([row.child_name, row.guardian_name, row.address] for row in rows)))
"""


def register(school: Founded, node: str = "n1") -> None:
    """One guardian, all the way from the empty mail, by the program on a node."""
    python(node, _REGISTER % (school.code, school.id))


def listed(node: str, school: Founded) -> list[list[str]]:
    """Child, guardian and address of everybody at the school, as that node opens them."""
    found: list[list[str]] = json.loads(python(node, _LISTED % (school.id, school.id)).splitlines()[-1])
    return found
