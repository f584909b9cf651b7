"""A guardian wants urgent mail only: routine mail passes by, the count says so, urgent mail arrives."""

import re

import pytest

from appliance import audience, clock
from appliance.audience import Audience
from appliance.config import Config, Zone
from appliance.delivery.letters import LetterKind
from appliance.errors import AudienceChanged, AudienceEmpty
from appliance.models import Address, Broadcast, Delivery
from appliance.registration import routine
from smtp.render import Renderer
from smtp.terms import Message
from tests.flows.ward import Ward, take

HEADERS = (b"List-Unsubscribe: ", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")


@pytest.fixture
def families(ward: Ward) -> Ward:
    ward.register("hanako@docomo.ne.jp", "山田 花子", "山田 太郎")
    ward.register("jiro@docomo.ne.jp", "佐藤 次郎", "佐藤 一郎")
    Delivery.delete().execute()  # their letters are not the subject here
    return ward


def key(ward: Ward) -> bytes:
    return ward.keyring(Zone.MAIL).secret(routine.SECRET)


def stop(ward: Ward, address: Address) -> None:
    routine.switch(key(ward), routine.stop_token(key(ward), address.id), off=True, now=clock.now())


def recipients(sent: Broadcast) -> set[int]:
    return {row[0] for row in Delivery.select(Delivery.address).where(Delivery.broadcast == sent.id).tuples()}


def test_routine_mail_leaves_out_who_stopped_it_and_urgent_mail_does_not(families: Ward) -> None:
    stopped, other = Address.select().order_by(Address.id)
    stop(families, stopped)
    event = families.draft(urgent=False)
    shown = audience.echo(families.school.id, Audience(None), urgent=False)
    assert (shown.addresses, shown.routine_off) == (1, 1)
    assert families.send(event, shown=1) == 1
    assert recipients(event) == {other.id}

    flood = families.draft(urgent=True)
    everybody = audience.echo(families.school.id, Audience(None))
    assert (everybody.addresses, everybody.routine_off) == (2, 0)
    assert families.send(flood) == 2
    assert recipients(flood) == {stopped.id, other.id}


def test_a_number_that_counted_the_stopped_ones_sends_nothing(families: Ward) -> None:
    stop(families, Address.get())
    with pytest.raises(AudienceChanged):
        families.send(families.draft(urgent=False), shown=2)


def test_when_everybody_stopped_routine_mail_nobody_would_get_it(families: Ward) -> None:
    for address in Address.select():
        stop(families, address)
    with pytest.raises(AudienceEmpty):
        families.send(families.draft(urgent=False), shown=0)


def test_the_count_of_the_stopped_ones_is_of_the_chosen_classes(families: Ward) -> None:
    stop(families, Address.get())
    elsewhere = Audience(frozenset({families.classes[2].id}))
    assert audience.echo(families.school.id, elsewhere, urgent=False).routine_off == 0


# --- the mail itself


def rendered(ward: Ward, config: Config, site: str = "docomo") -> list[Message]:
    """As a worker makes what waits for a site; what is on its way is put back."""
    keyring = ward.keyring(Zone.MAIL)
    renderer = Renderer(config, keyring)
    claims = take("w1", site)
    renderer.prepare(claims)
    messages = [renderer.message(claimed, _address(ward, claimed.address_id)) for claimed in claims]
    return sorted(messages, key=lambda message: message.delivery_id)


def _address(ward: Ward, address_id: int):  # type: ignore[no-untyped-def]
    from appliance import address
    from appliance.keys import Purpose, Slot

    row = Address.select(Address).where(Address.id == address_id).get()
    slot = Slot(Purpose.ADDRESSES, "address", "sealed", row.school_id, row.id)
    return address.parse(ward.keyring(Zone.MAIL).open(slot, bytes(row.sealed)))


def test_a_routine_mail_has_a_signed_link_of_its_own_to_stop_routine_mail(
    families: Ward, config: Config
) -> None:
    families.send(families.draft(urgent=False))
    messages = rendered(families, config)
    links = set()
    for message in messages:
        head = message.content.partition(b"\r\n\r\n")[0] + b"\r\n"
        assert all(header in head for header in HEADERS)
        for signature in head.split(b"DKIM-Signature:")[1:]:
            signed = re.sub(rb"\s", b"", signature).partition(b"h=")[2].partition(b";")[0].split(b":")
            assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(signed)
        (link,) = re.findall(rb"List-Unsubscribe: <(http\S+)>\r\n", head)
        links.add(link.decode())
    assert len(links) == len(messages) == 2
    for link in links:
        token = link.removeprefix(f"{config.guardian.origin}/u/")
        assert routine.look(key(families), token).school_name == families.school.name


def test_an_urgent_mail_and_a_letter_have_no_way_to_be_stopped(families: Ward, config: Config) -> None:
    families.send(families.draft(urgent=True))
    families.empty_mail("saburo@docomo.ne.jp")
    messages = rendered(families, config)
    assert {row.kind for row in Delivery.select()} == {"broadcast", LetterKind.REPLY}
    assert len(messages) == 3
    assert not any(b"List-Unsubscribe" in message.content for message in messages)


def test_a_retry_in_another_worker_has_the_same_message_id_and_return_path(
    families: Ward, config: Config
) -> None:
    families.send(families.draft(urgent=False))
    first = rendered(families, config)
    Delivery.update(state="queued", claim_token=None, claimed_by=None, lease_until=None).execute()
    again = rendered(families, config)

    def identity(message: Message) -> tuple[bytes, list[bytes]]:
        return message.sender, re.findall(
            rb"^(?:Message-ID|Date|List-Unsubscribe): .*", message.content, re.M
        )

    assert [identity(message) for message in again] == [identity(message) for message in first]
