"""The accounts of the town's staff: a principal and one of the staff per school; a ward officer, an auditor
and the vendor's responsible person.

Owns their login ids and random passwords, written once to `accounts.txt` (mode 0600) because the database
keeps only hashes. Refuses to change a password. Fails as `appliance.account` does.
"""

import os
import secrets

from appliance import account, clock
from appliance.actor import Duty, Role
from appliance.config import Config
from appliance.models import Account, School
from demo.places import Places
from demo.ward import SCHOOLS, WARD_NAME

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_HEADER = "# login id            password              who. Made for this town alone.\n"


def _password() -> str:
    """Sixteen random characters in four groups: 79 bits, and typable."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def open_accounts(config: Config, places: Places, schools: list[School]) -> None:
    """Opens those that are not there yet. `schools` in the order of `ward.SCHOOLS`."""
    everywhere = [school.id for school in schools]
    wanted = [
        ("kuyakusho", Role.WARD_OFFICER, "区担当者 川島 涼", everywhere, WARD_NAME),
        ("kansa", Role.AUDITOR, "監査担当 白石 薫", [], WARD_NAME),
        ("itaku", Role.OPERATOR, "取扱責任者 青木 渉", [], "受託事業者"),
    ]
    for founding, school in zip(SCHOOLS, schools, strict=True):
        key, here, principal = founding.key, [school.id], f"{founding.head} {founding.principal}"
        wanted += [
            (f"{key}-principal", Role.PRINCIPAL, principal, here, school.name),
            (f"{key}-staff", Role.STAFF, f"教職員 {founding.staff}", here, school.name),
        ]
    known = {row.login_id for row in Account.select(Account.login_id)}
    for login_id, role, name, school_ids, place in wanted:
        if login_id in known:
            continue
        password = _password()
        _note(places, f"{login_id:<22}{password:<22}{name}({place})\n")  # before the account: never lost
        account.add(
            config, login_id=login_id, role=role, display_name=name, school_ids=school_ids,
            password=password, now=clock.now(),
            duty=Duty.MANAGER if role is Role.OPERATOR else None,
        )  # fmt: skip


def _note(places: Places, line: str) -> None:
    descriptor = os.open(places.accounts_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(_HEADER)
        file.write(line)


def listing(places: Places) -> list[str]:
    """The lines to print; if an interrupted start noted an id twice, the later line counts."""
    if not places.accounts_file.exists():
        return []
    lines = places.accounts_file.read_text(encoding="utf-8").splitlines()
    return list({line.split()[0]: line for line in lines if line and not line.startswith("#")}.values())
