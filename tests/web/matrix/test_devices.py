"""The same table by device and network: every address × role × where somebody sits (R09, R10).

Everybody here has an open session at that device and all its cookies: what is asked is whether the place
lets them through to what their role may. Each place is walked by one role, the roles in turn, with ids of the
own school; with LONG=1 by all of them, with those of another school, too.
"""

from itertools import cycle

import pytest
from flask import Flask

from appliance.actor import Role
from appliance.config import Config, Zone
from appliance.states import DeviceState
from tests.web.matrix import table
from tests.web.matrix.table import Row
from tests.web.matrix.test_matrix import SITES
from tests.web.matrix.walking import Place, Question, Walk, objects, people, questions
from tests.web.staff.ward import Ward, standing
from web.staff.admission import FILES

SCHOOL, OTHER_SCHOOL, OFFICE, ELSEWHERE = "192.0.2.7", "198.51.100.7", "203.0.113.7", "8.8.8.8"
PLACES = {
    "an unknown PC at school": Place(None, SCHOOL),
    "a PC of the school": Place("school", SCHOOL),
    "a PC of the ward office": Place("school", OFFICE),
    "a school PC at another school": Place("school", OTHER_SCHOOL),
    "a school PC at home": Place("school", ELSEWHERE),
    "an unknown phone": Place(None, ELSEWHERE),
    "a registered phone": Place("own_phone", ELSEWHERE),
    "a registered PC at home": Place("own_pc", ELSEWHERE),
    "a registered phone at school": Place("own_phone", SCHOOL),
    "a PC of the school, revoked": Place("school", SCHOOL, DeviceState.REVOKED),
    "a registered phone, revoked": Place("own_phone", ELSEWHERE, DeviceState.REVOKED),
    "a PC of the school, of last year": Place("school", SCHOOL, this_year=False),
    "a registered phone, of last year": Place("own_phone", ELSEWHERE, this_year=False),
}
AT_SCHOOL = frozenset({Role.PRINCIPAL, Role.STAFF})
ADMITTED: dict[Zone, dict[str, frozenset[Role]]] = {
    Zone.ADMIN: {"a PC of the school": AT_SCHOOL, "a PC of the ward office": frozenset(Role)},
    Zone.SENDER: dict.fromkeys(
        ("a registered phone", "a registered PC at home", "a registered phone at school"), frozenset(Role)
    ),
}
"""Who gets from where to what the role may; everybody else, from everywhere else, gets 403."""
ASKED_FOR_A_LOGIN = {
    Zone.ADMIN: {*ADMITTED[Zone.ADMIN], "a school PC at another school"},
    Zone.SENDER: {*ADMITTED[Zone.SENDER]},
}
"""Where the login page opens; whose school it is shows after it."""
MAY_ENROL = {
    Zone.ADMIN: {name for name, place in PLACES.items() if place.network != ELSEWHERE},
    Zone.SENDER: set(PLACES),
}


@pytest.fixture
def ward(database: Config) -> Ward:
    standing_ward = standing(database)
    networks = {standing_ward.school.id: [f"{SCHOOL}/32"], standing_ward.other.id: [f"{OTHER_SCHOOL}/32"]}
    devices = database.devices.model_copy(
        update={"required": True, "school_networks": networks, "ward_networks": [f"{OFFICE}/32"]}
    )
    return standing(database.model_copy(update={"devices": devices}))


def wanted(zone: Zone, name: str, role: Role, question: Question, row: Row, which: str) -> str:
    by_role = getattr(row, which)[table.ROLES.index(role)]
    if question.endpoint in FILES:
        return by_role
    if question.endpoint.startswith("enrol."):
        return "+" if name in MAY_ENROL[zone] else "-"
    if row.nobody == "+":
        return "+" if name in ASKED_FOR_A_LOGIN[zone] else "-"
    return by_role if role in ADMITTED[zone].get(name, ()) else "-"


IN_TURN = [(name, (role,)) for name, role in zip(PLACES, cycle(table.ROLES), strict=False)]
ALL = [(name, table.ROLES) for name in PLACES]


@pytest.mark.parametrize(
    "walkers",
    [IN_TURN, pytest.param(ALL, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
    ids=["roles in turn", "every role"],
)
@pytest.mark.parametrize("zone", SITES)
def test_every_address_opens_from_where_the_table_says_and_from_nowhere_else(
    zone: Zone,
    walkers: list[tuple[str, tuple[Role, ...]]],
    ward: Ward,
    request: pytest.FixtureRequest,
) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    people(ward)
    ids = {"own": objects(ward, ward.school, "kocho")}
    if walkers is ALL:
        ids["other"] = objects(ward, ward.other, "encho")
    wrong, asked = [], 0
    for name, roles, (which, numbers) in ((*each, them) for each in walkers for them in ids.items()):
        for role in roles:
            walk = Walk.at(PLACES[name], app, role)
            for question, rule in questions(app):
                row = table.STAFF_SITES[zone][str(question)]
                expected = wanted(zone, name, role, question, row, which)
                found = walk.outcome(question, rule, numbers)
                asked += 1
                if found != expected:
                    wrong.append(f"{question}, {role}, {which} school, {name}: {found}, not {expected}")
    assert wrong == []
    print(f"{zone.value}: {len(walkers)} places, {asked} requests")
