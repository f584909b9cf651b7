"""The day's checkpoint reaches the ward once; a person can read it, and its attachment proves something."""

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import time_machine

from appliance import address, clock, delivery
from appliance.config import Config, Zone
from appliance.models import AuditCosignature, Delivery
from appliance.record import daily, note, trust, verify, witness
from smtp.render import Renderer
from tests.flows.test_record import act, sealed
from tests.flows.ward import Ward

OFFICE = "kyoiku-chosei@city.midori.example"


def mailing(ward: Ward) -> Config:
    audit = ward.config.audit.model_copy(update={"mail_to": OFFICE})
    return ward.config.model_copy(update={"audit": audit})


def letter(ward: Ward) -> EmailMessage:
    """As it leaves for the ward."""
    ((site, _),) = delivery.sites_waiting(clock.now())
    (claimed,) = delivery.claim("w1", site, limit=10, lease_s=60, now=clock.now())
    renderer = Renderer(ward.config, ward.keyring(Zone.MAIL))
    renderer.prepare([claimed])
    content = renderer.message(claimed, address.parse(OFFICE)).content
    read: Any = email.message_from_bytes(content, policy=email.policy.default)
    return read  # type: ignore[no-any-return]


def test_the_ward_gets_the_checkpoint_in_words_and_as_a_file(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    config, keyring = mailing(ward), ward.keyring(Zone.MAIL)
    assert daily.queue(config, keyring, clock.now()) is None, "six o'clock: not yet"
    morning.shift(3600)
    assert daily.queue(config, keyring, clock.now()) is None, "nothing is sealed"
    act(40)
    sealed(config)
    witness.cosign(config, trust.witness(config), clock.now())
    assert daily.queue(config, keyring, clock.now()) == 40
    assert daily.queue(config, keyring, clock.now()) is None, "another worker looks"
    assert Delivery.select().count() == 1
    mail = letter(ward)
    assert mail["Subject"].startswith(
        "【みどり区】操作記録の検証点(40件) / Checkpoint of the operation record"
    )
    assert (mail["To"], mail["Auto-Submitted"]) == (OFFICE, "auto-generated")
    words, attached = mail.iter_parts()
    text = words.get_content()
    assert text.index("封印された記録: 40件") < text.index("sealed records: 40")
    assert "立会いの署名: 1件" in text
    assert trust.sealer(config).key.text in text
    assert attached.get_filename() == "checkpoint-40.txt"
    kept = attached.get_content().decode("utf-8")
    found, signed = note.read(kept, trust.trusted(config))
    assert (found.size, len(signed)) == (40, 2)
    assert verify.verify(config, against=[kept]).difference is None


def test_what_is_no_signature_is_not_mailed(ward: Ward, morning: time_machine.Traveller) -> None:
    config = mailing(ward)
    act(40)
    sealed(config)
    AuditCosignature.create(size=40, name=trust.witness(config).name, line="no signature")
    morning.shift(3600)
    daily.queue(config, ward.keyring(Zone.MAIL), clock.now())
    _, attached = letter(ward).iter_parts()
    assert "no signature" not in attached.get_content().decode("utf-8")


def test_the_next_day_brings_the_next_one(ward: Ward, morning: time_machine.Traveller) -> None:
    config, keyring = mailing(ward), ward.keyring(Zone.MAIL)
    act()
    sealed(config)
    morning.shift(3 * 3600)
    assert daily.queue(config, keyring, clock.now()) == 1
    morning.shift(21 * 3600)
    assert daily.queue(config, keyring, clock.now()) is None, "six o'clock"
    morning.shift(3600)
    assert daily.queue(config, keyring, clock.now()) == 1, "no news is also said"


def test_without_an_address_nothing_is_mailed(ward: Ward) -> None:
    act()
    sealed(ward.config)
    assert daily.queue(ward.config, ward.keyring(Zone.MAIL), clock.now()) is None
    assert Delivery.select().count() == 0
