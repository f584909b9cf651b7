"""A guardian opens the link, writes names, and is registered."""

from collections.abc import Callable

import pytest
import time_machine
from flask.testing import FlaskClient

from appliance import clock
from appliance.models import Address, Child, Delivery, Registration, School, SchoolClass
from tests.web.guardian.conftest import Ward

Proof = Callable[[str], dict[str, str]]


def answers(ward: Ward, **changes: object) -> dict[str, object]:
    given = {"school_class": ward.classes[0].id, "child_name": "山田 花子", "guardian_name": "山田 太郎"}
    return given | changes


def test_a_guardian_walks_from_the_link_to_the_confirmation(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    purpose = client.get(f"/r/{link}")
    assert purpose.status_code == 200
    assert "みどり第一小学校" in purpose.text
    assert "何に使いますか" in purpose.text
    assert "ゆり組" not in client.get(f"/r/{link}/class").text  # another school's class
    names = client.get(f"/r/{link}/names?school_class={ward.classes[0].id}")
    assert "お子さんの名前" in names.text
    check = client.post(f"/r/{link}/check", data=answers(ward) | proof(link))
    assert check.status_code == 200
    assert "山田 花子" in check.text
    assert Child.select().count() == 0  # nothing counts before the last button
    done = client.post(f"/r/{link}/done", data=answers(ward) | proof(link), follow_redirects=True)
    assert done.status_code == 200
    assert "登録が終わりました" in done.text
    assert Registration.get().state == "confirmed"
    assert Delivery.select().where(Delivery.kind == "welcome").count() == 1


def test_the_purpose_of_use_stands_before_every_question(client: FlaskClient, ward: Ward) -> None:
    first = client.get(f"/r/{ward.invite()}").text
    assert "<input" not in first
    assert "防犯" in first
    assert "学校に知らせてください" in first


def test_only_the_last_button_uses_the_link_up(client: FlaskClient, ward: Ward, proof: Proof) -> None:
    """A mail scanner opens every page it can reach by GET or HEAD, twice."""
    link = ward.invite()
    pages = ["", "/class", f"/names?school_class={ward.classes[0].id}", "/check", "/done"]
    for page in pages * 2:
        client.get(f"/r/{link}{page}")
        client.head(f"/r/{link}{page}")
    assert Registration.get().state == "requested"
    done = client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    assert done.status_code == 303
    assert Registration.get().state == "confirmed"


def test_a_double_tap_on_register_ends_on_the_done_page(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    second = client.post(f"/r/{link}/done", data=answers(ward) | proof(link), follow_redirects=True)
    assert second.status_code == 200
    assert "この登録は終わっています" in second.text
    assert Child.select().count() == 1
    assert Delivery.select().where(Delivery.kind == "welcome").count() == 1


def test_going_back_to_register_a_sister_with_the_same_link_says_that_it_did_not(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    sister = answers(ward, child_name="山田 月子")
    page = client.post(f"/r/{link}/done", data=sister | proof(link), follow_redirects=True).text
    assert "お子さん1人です" in page
    assert "もう一度、空メールを送ってください" in page


def test_the_done_page_may_be_reloaded_and_shows_no_name(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    for _ in range(2):
        page = client.get(f"/r/{link}/done")
        assert page.status_code == 200
        assert "山田" not in page.text
        assert "docomo" not in page.text


def test_a_used_link_tells_what_to_do_for_another_child(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    page = client.get(f"/r/{link}")
    assert page.status_code == 410
    assert "もう一度、空メールを送ってください" in page.text


def test_a_link_opened_after_a_day_asks_for_a_new_empty_mail(client: FlaskClient, ward: Ward) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        link = ward.invite()
        time.shift(24 * 3600 + 1)
        page = client.get(f"/r/{link}")
    assert page.status_code == 410
    assert "24時間" in page.text
    assert "空メールを送ってください" in page.text


def test_a_link_of_a_school_that_closed_meanwhile_leads_to_the_present_school(
    client: FlaskClient, ward: Ward
) -> None:
    link = ward.invite()
    School.update(state="closed").where(School.id == ward.school.id).execute()
    for path in (f"/r/{link}", f"/r/{link}/class"):
        response = client.get(path)
        assert response.status_code == 410
        assert "この学校の登録は終わりました" in response.text
        assert "いま通っている学校の「登録案内」" in response.text
        assert "新しいリンクが届きます" not in response.text  # an empty mail to this school brings none
    assert "Send an empty email to that address" in client.get(f"/r/{link}?lang=en").text


def test_a_link_that_expires_while_names_are_typed_says_so(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        link = ward.invite()
        assert client.get(f"/r/{link}/class").status_code == 200
        time.shift(24 * 3600 + 1)
        page = client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    assert page.status_code == 410
    assert "登録はされていません" in page.text


@pytest.mark.parametrize("link", ["a" * 26, "abc", "x" * 500, "あ" * 26, "a" * 25 + "1"])
def test_a_link_that_was_never_sent_or_is_cut_off_is_not_found(
    client: FlaskClient, ward: Ward, link: str
) -> None:
    page = client.get(f"/r/{link}")
    assert page.status_code == 404
    assert "途中で切れている" in page.text


def test_a_slash_that_a_mail_program_adds_does_no_harm(client: FlaskClient, ward: Ward) -> None:
    assert client.get(f"/r/{ward.invite()}/").status_code == 200


def test_without_a_class_the_question_comes_again(client: FlaskClient, ward: Ward) -> None:
    page = client.get(f"/r/{ward.invite()}/names")
    assert page.status_code == 422
    assert 'href="#school_class"' in page.text
    assert "学年と組を選んでください。" in page.text


@pytest.mark.parametrize("kind", ["another school's", "no number", "enormous"])
def test_a_class_that_is_not_one_of_the_schools_is_asked_again_and_names_are_kept(
    client: FlaskClient, ward: Ward, proof: Proof, kind: str
) -> None:
    value = {"another school's": ward.other_classes[0].id, "no number": "1 OR 1=1", "enormous": "9" * 40}[
        kind
    ]
    link = ward.invite()
    for step in ("check", "done"):
        page = client.post(f"/r/{link}/{step}", data=answers(ward, school_class=value) | proof(link))
        assert page.status_code == 422
        assert "選んだ組は、いまはありません" in page.text
        assert 'value="山田 花子"' in page.text
    assert Registration.get().state == "requested"


def test_a_class_that_vanished_while_names_were_typed_is_asked_again(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    SchoolClass.update(retired_at=clock.now()).where(SchoolClass.id == ward.classes[0].id).execute()
    page = client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    assert page.status_code == 422
    assert "選んだ組は、いまはありません" in page.text
    assert 'value="山田 太郎"' in page.text
    again = answers(ward, school_class=ward.classes[1].id)
    assert client.post(f"/r/{link}/done", data=again | proof(link)).status_code == 303


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "お子さんの名前を書いてください。"),
        ("  　 ", "お子さんの名前を書いてください。"),
        ("山" * 200, "60文字まで"),
        ("山田\x07花子", "目に見えない文字"),
        ("山田\u202e花子", "目に見えない文字"),
        ("<script>alert(1)</script>", "名前に使えない文字"),
        ("http://example.com", "名前に使えない文字"),
    ],
    ids=["empty", "blank", "200 characters", "bell", "bidi override", "markup", "address"],
)
def test_a_name_that_cannot_be_taken_comes_back_with_what_to_do(
    client: FlaskClient, ward: Ward, proof: Proof, name: str, sentence: str
) -> None:
    link = ward.invite()
    for step in ("check", "done"):
        page = client.post(f"/r/{link}/{step}", data=answers(ward, child_name=name) | proof(link))
        assert page.status_code == 422
        assert sentence in page.text
        assert 'href="#child_name"' in page.text
        assert 'value="山田 太郎"' in page.text  # the other name is not lost
        assert "<title>エラー：" in page.text
        assert "<script>alert" not in page.text
    assert Child.select().count() == 0


def test_a_hidden_character_is_taken_out_so_that_the_second_try_succeeds(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    page = client.post(f"/r/{link}/check", data=answers(ward, child_name="山田\x07 花子") | proof(link))
    assert 'value="山田 花子"' in page.text


def test_changing_the_class_from_the_check_page_keeps_the_names(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    page = client.post(f"/r/{link}/class", data=answers(ward) | proof(link))
    assert page.status_code == 200
    assert 'name="child_name" value="山田 花子"' in page.text
    assert f'action="/r/{link}/check"' in page.text


def test_a_school_without_classes_sends_the_guardian_to_the_school(client: FlaskClient, ward: Ward) -> None:
    SchoolClass.update(retired_at=clock.now()).execute()
    page = client.get(f"/r/{ward.invite()}/class")
    assert "学校に聞いてください" in page.text
    assert "<form" not in page.text


@pytest.mark.parametrize(
    ("chosen", "before", "after"), [("?lang=en", "ja", "en"), ("", "ne", "ne"), ("?lang=ja", "ne", "ja")]
)
def test_letters_come_in_the_language_of_the_page_if_it_was_chosen(
    client: FlaskClient, ward: Ward, proof: Proof, chosen: str, before: str, after: str
) -> None:
    link = ward.invite()
    Address.update(language=before).execute()
    assert client.post(f"/r/{link}/done{chosen}", data=answers(ward) | proof(link)).status_code == 303
    assert Address.get().language == after
