"""A canary sings through the whole domain: it must not be heard in any log line or operation record."""

import pytest

from appliance import access, account, audience, broadcast, clock, delivery, log, registration
from appliance.actor import Role
from appliance.audience import Audience
from appliance.config import Zone
from appliance.delivery import Kind, Outcome, Reason
from appliance.directory import registrants, schools
from appliance.errors import KaramailError
from appliance.models import Audit
from tests.flows.ward import Ward, result, take

CHILD, GUARDIAN, MAILBOX, TEXT = "金糸雀 ひな", "金糸雀 太郎", "kanariya", "金糸雀の本文"
PASSWORD = "kanariya-no-uta-wa-7"


def test_nothing_personal_reaches_logs_records_or_refusals(
    ward: Ward, capfd: pytest.CaptureFixture[str]
) -> None:
    refusals: list[str] = []
    link = ward.link(ward.empty_mail(f"{MAILBOX}@docomo.ne.jp").registration_id)
    for child in (CHILD + "@", CHILD * 20, CHILD + "\0"):
        try:
            ward.confirm(link, child, GUARDIAN)
        except KaramailError as error:
            refusals.append(f"{error} {error!r}")
            log.unexpected(error)
    ward.confirm(link, CHILD, GUARDIAN)
    clerk = ward.actor(Role.STAFF)
    admin = ward.keyring(Zone.ADMIN)
    (row,) = registrants.find(clerk, admin, ward.school.id, CHILD)
    found = access.registration(clerk, row.registration_id)
    registrants.opened(clerk, admin, found)
    registrants.correct(clerk, admin, found, child_name=CHILD, guardian_name=GUARDIAN, now=clock.now())
    registrants.move(clerk, found, ward.classes[1], clock.now())
    written = ward.draft(subject=TEXT, body=TEXT)
    broadcast.findings(ward.keyring(Zone.SENDER), ward.school.id, TEXT + CHILD)
    ward.send(written, shown=audience.echo(ward.school.id, Audience(None)).addresses)
    for claimed in take("w1", "docomo"):
        log.attempt_failed(claimed.id, claimed.site, 550, "5.1.1", Reason.UNKNOWN_USER)
        delivery.settle([result(claimed, Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER))])
    broadcast.stop(ward.actor(), written, clock.now())
    registrants.remove(clerk, access.registration(clerk, row.registration_id), clock.now())
    schools.retire_class(clerk, ward.classes[1])
    account.add(
        ward.config, login_id="sensei", role=Role.STAFF, display_name=GUARDIAN, school_ids=[ward.school.id],
        password=PASSWORD, now=clock.now(),
    )  # fmt: skip
    _, actor = account.login(
        ward.config, Zone.ADMIN, "sensei", PASSWORD, network="192.0.2.0/24", now=clock.now()
    )
    account.logout(actor, clock.now())
    registration.expire(clock.now())

    heard = capfd.readouterr()
    recorded = [str(value) for row in Audit.select().dicts() for value in row.values()]
    everything = "\n".join([heard.out, heard.err, repr(row), repr(actor), *refusals, *recorded])
    assert heard.err.count("\n") > 2, "the log said nothing at all: nothing was tested"
    for secret in ("金糸雀", "\\u91d1", MAILBOX, link, "unknown user"):
        assert secret not in everything


def test_every_staff_act_of_the_domain_leaves_its_record(ward: Ward) -> None:
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    clerk, admin = ward.actor(Role.STAFF), ward.keyring(Zone.ADMIN)
    registrants.page(clerk, admin, ward.school.id, None, 1)
    (row,) = registrants.find(clerk, admin, ward.school.id, "山田 花子")
    found = access.registration(clerk, row.registration_id)
    registrants.opened(clerk, admin, found)
    registrants.correct(clerk, admin, found, child_name="山田 花", guardian_name="山田 太郎", now=clock.now())
    registrants.move(clerk, found, ward.classes[1], clock.now())
    registrants.remove(clerk, access.registration(clerk, row.registration_id), clock.now())
    schools.retire_class(clerk, ward.classes[1])
    assert [record.act for record in Audit.select().order_by(Audit.id)] == [
        "registrations.listed",
        "registrations.listed",
        "registration.opened",
        "registration.corrected",
        "child.moved",
        "registration.removed",
        "class.retired",
    ]
    assert {record.school_id for record in Audit.select()} == {ward.school.id}


def test_what_cannot_be_recorded_does_not_happen(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    registered = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    found = access.registration(ward.actor(), registered.id)

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Audit, "create", full)
    with pytest.raises(OSError, match="disk full"):
        registrants.remove(ward.actor(), found, clock.now())
    assert access.registration(ward.actor(), registered.id).state == "confirmed"
