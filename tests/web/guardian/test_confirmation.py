"""Where the link in a test broadcast leads, and that in a letter that asks whose address it is."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from appliance import broadcast, clock, confirmation, keystore, link, registration
from appliance.actor import Actor, Role
from appliance.broadcast import delivery_test
from appliance.config import Zone
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.models import Account, Address, Confirmation, Delivery, Registration
from tests.web.guardian.conftest import Ward


@pytest.fixture
def registered(ward: Ward) -> Registration:
    registration.confirm(
        keystore.open_keyring(ward.config, Zone.GUARDIAN), ward.invite(),
        school_class_id=ward.classes[0].id, child_name="山田 花子", guardian_name="山田 太郎",
        now=clock.now(),
    )  # fmt: skip
    return Registration.get()


def link_to(ward: Ward, row: Delivery) -> str:
    key = keystore.open_keyring(ward.config, Zone.MAIL).secret(link.SECRET)
    return f"/k/{confirmation.token(key, row.id)}"


@pytest.fixture
def test_link(ward: Ward, registered: Registration) -> str:
    """From the test broadcast of the month."""
    account = Account.create(
        login_id="kocho", role=Role.PRINCIPAL, display_name="校長", password_phc="-",
        password_changed_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip
    actor = Actor(account.id, Role.PRINCIPAL, frozenset({ward.school.id}), Zone.ADMIN)
    written = delivery_test.begin(actor, ward.school, once_key="k", now=clock.now())
    broadcast.send(ward.config, actor, written, shown_addresses=1, now=clock.now())
    return link_to(ward, Delivery.get(Delivery.broadcast == written.id))


@pytest.fixture
def proof_link(ward: Ward, registered: Registration) -> str:
    """From the letter to an address that was gone for weeks."""
    Registration.update(doubted_at=clock.now(), doubt="refused").execute()
    letters.queue(
        LetterKind.PROVE,
        Address.get(),
        now=clock.now(),
        life=timedelta(days=3),
        registration_id=registered.id,
    )
    return link_to(ward, Delivery.get(Delivery.kind == LetterKind.PROVE))


def hidden(client: FlaskClient, link: str) -> dict[str, str]:
    """What our own page puts into its form."""
    text = client.get(link).text
    return {"csrf_token": text.partition('name="csrf_token" value="')[2].partition('"')[0]}


def test_one_press_tells_the_school_and_the_page_says_that_it_is_a_test(
    client: FlaskClient, test_link: str
) -> None:
    page = client.get(test_link)
    assert "これは配信テストです。緊急の連絡ではありません。" in page.text
    assert "みどり第一小学校" in page.text
    assert Confirmation.select().count() == 0
    done = client.post(test_link, data=hidden(client, test_link), follow_redirects=True)
    assert "学校に伝わりました" in done.text
    assert [row.how for row in Confirmation.select()] == ["link"]


def test_a_press_without_our_page_is_none(client: FlaskClient, test_link: str) -> None:
    assert client.post(test_link).status_code == 400
    assert Confirmation.select().count() == 0


def test_the_name_of_the_child_proves_the_address_and_is_not_shown(
    client: FlaskClient, proof_link: str
) -> None:
    page = client.get(proof_link)
    assert "花子" not in page.text + client.get(proof_link + "?lang=en").text
    wrong = client.post(proof_link, data=hidden(client, proof_link) | {"child_name": "佐藤 健"})
    assert "登録されている名前と違います" in wrong.text
    assert Registration.get().doubt == "refused"
    right = client.post(
        proof_link, data=hidden(client, proof_link) | {"child_name": "山田花子"}, follow_redirects=True
    )
    assert "確かめました" in right.text
    assert Registration.get().doubted_at is None


def test_after_five_wrong_names_only_the_school_can_help(client: FlaskClient, proof_link: str) -> None:
    fields = hidden(client, proof_link)
    for number in range(5):
        client.post(proof_link, data=fields | {"child_name": f"山田 {number}子"})
    late = client.post(proof_link, data=fields | {"child_name": "山田 花子"})
    assert late.status_code == 410
    assert "学校に電話で知らせる" in late.text
    assert Registration.get().doubted_at is not None


def test_an_empty_name_is_no_try(client: FlaskClient, proof_link: str) -> None:
    page = client.post(proof_link, data=hidden(client, proof_link) | {"child_name": " "})
    assert "お子さんの名前を書いてください。" in page.text
    assert Registration.get().proof_tries == 0


def test_a_changed_link_leads_nowhere_and_an_old_one_says_so(client: FlaskClient, test_link: str) -> None:
    other = test_link[:-1] + ("a" if test_link[-1] != "a" else "b")
    assert client.get(other).status_code == 404
    Delivery.update(created_at=clock.now() - timedelta(days=31)).execute()
    assert client.get(test_link).status_code == 410


def test_the_log_holds_neither_link_nor_name(
    client: FlaskClient, proof_link: str, capfd: pytest.CaptureFixture[str]
) -> None:
    client.post(proof_link, data=hidden(client, proof_link) | {"child_name": "山田 花子"})
    written = capfd.readouterr().err
    assert "address.proof" in written
    assert proof_link[3:] not in written
    assert "花子" not in written
