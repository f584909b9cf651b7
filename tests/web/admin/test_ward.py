"""What a ward officer sees first: the schools, and how each carrier treats the mail."""

import json
from pathlib import Path

from click.testing import CliRunner
from flask import Flask

from appliance import audience, broadcast, clock, delivery
from appliance.actor import Role
from appliance.audience import Audience
from appliance.delivery import Kind, Outcome, Result
from cli.main import main
from tests.web.staff.ward import Clerk, Ward


def send_and_have_it_refused_by_au(ward: Ward) -> None:
    """The principal sends to the school; docomo accepts, au refuses, SoftBank asks to come later."""
    principal = ward.actor(Role.PRINCIPAL, ward.school)
    written = broadcast.draft(
        principal, ward.school, urgent=True, category="event", once_key="ward", now=clock.now(),
        subject="短縮授業", body="本日は、短縮授業です。", audience=Audience(None),
    )  # fmt: skip
    shown = audience.echo(ward.school.id, Audience(None)).addresses
    broadcast.send(ward.config, principal, written, shown_addresses=shown, now=clock.now())
    ends = {
        "docomo": Outcome(Kind.ACCEPTED, 250, "2.0.0"),
        "au": Outcome(Kind.FAILED, 550, "5.1.1"),
        "softbank": Outcome(Kind.DEFERRED, 421, "4.7.0"),
    }
    for site, outcome in ends.items():
        for row in delivery.claim("w", site, limit=9, lease_s=60, now=clock.now()):
            delivery.settle([Result(row.id, row.token, row.lane, row.attempts, "w", outcome, clock.now())])


def test_the_ward_sees_how_each_carrier_treats_its_mail(admin: Flask, ward: Ward) -> None:
    clerk = Clerk(admin)
    clerk.login("kutan")
    assert "この24時間のメール会社ごとの配信" in clerk.page, "the replies of today wait"
    send_and_have_it_refused_by_au(ward)
    clerk.open("/")
    assert "100.0%" in clerk.page
    assert "0.0%" in clerk.page


def test_the_operator_gets_the_same_as_json(ward: Ward, tmp_path: Path) -> None:
    send_and_have_it_refused_by_au(ward)
    done = CliRunner().invoke(main, ["--config", str(tmp_path / "karamail.toml"), "status", "--json"])
    assert done.exit_code == 0, done.output
    told = {row["carrier"]: row for row in json.loads(done.output)["carriers"]}
    assert told["docomo"]["accept_rate"] == 1.0
    assert told["au"]["accept_rate"] == 0.0
    assert (told["softbank"]["deferrals"], told["softbank"]["accept_rate"]) == (3, None), (
        "reply, welcome, mail"
    )
    text = CliRunner().invoke(main, ["--config", str(tmp_path / "karamail.toml"), "status"])
    assert "softbank" in text.output
