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
