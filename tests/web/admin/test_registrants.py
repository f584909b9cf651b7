"""The clerk on the administration site: registrants, each opening recorded."""

import pytest
from flask import Flask

from appliance import clock
from appliance.models import Address, Audit, Child, Registration
from appliance.states import RegistrationState
from tests.web.staff.ward import Clerk, Ward


@pytest.fixture
def clerk(admin: Flask) -> Clerk:
    found = Clerk(admin)
    found.login("sensei")
    return found


@pytest.fixture
def sato(ward: Ward) -> int:
    """佐藤恵's registration."""
    return (
        Registration.select()
        .join(Child)
        .where(Child.school_class == ward.classes[1], Registration.state == RegistrationState.CONFIRMED)
        .get()
        .id
    )


def records(act: str) -> int:
    return Audit.select().where(Audit.act == act).count()


def test_the_home_page_shows_counts_and_no_name(clerk: Clerk) -> None:
    clerk.open("/")
    assert "児童等3人・宛先4" in clerk.page
    assert "山田" not in clerk.page
    assert records("registrations.listed") == 0


def test_the_counts_by_class_open_no_name(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}")
    assert "1年 1組" in clerk.page
    assert "山田" not in clerk.page


def test_the_list_shows_names_and_addresses_and_is_recorded(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/registrants?class={ward.classes[0].id}")
    assert "山田 花子" in clerk.page
    assert "taro..y@docomo.ne.jp" in clerk.page
    assert "佐藤" not in clerk.page
    assert records("registrations.listed") == 1


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page=99999", "class=x", "class=" + "9" * 40]
)
def test_an_odd_page_number_is_the_nearest_page(clerk: Clerk, ward: Ward, query: str) -> None:
    clerk.open(f"/schools/{ward.school.id}/registrants?{query}")
    assert clerk.status == 200
    assert "山田 花子" in clerk.page


def test_a_class_of_another_school_in_the_query_is_absent(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/registrants?class={ward.other_classes[0].id}")
    assert clerk.status == 404


def test_a_child_is_searched_for_by_name_and_the_name_is_in_no_address(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/registrants")
    response = clerk.send(f"/schools/{ward.school.id}/registrants/search", child_name="佐藤　健")
    assert "佐藤 恵" in clerk.page
    assert "%E4" not in response.request.full_path
    clerk.send(f"/schools/{ward.school.id}/registrants/search", child_name="加藤 結")
    assert "この氏名の登録はありません" in clerk.page
    clerk.send(f"/schools/{ward.school.id}/registrants/search", child_name="長" * 200)
    assert clerk.status == 422


def test_the_school_sees_who_stopped_routine_mail(clerk: Clerk, sato: int) -> None:
    words = "保護者が通常の連絡を止めています"
    clerk.open(f"/registrants/{sato}")
    assert words not in clerk.page
    address_id = Registration.get_by_id(sato).address_id
    Address.update(routine_off_at=clock.now()).where(Address.id == address_id).execute()
    clerk.open(f"/registrants/{sato}")
    assert words in clerk.page


def test_names_are_corrected(clerk: Clerk, sato: int) -> None:
    clerk.open(f"/registrants/{sato}/names")
    clerk.send(child_name="佐藤 健一", guardian_name="佐藤 恵")
    assert clerk.path == f"/registrants/{sato}"
    assert "佐藤 健一" in clerk.page
    assert records("registration.corrected") == 1


@pytest.mark.parametrize("name", ["", "長" * 200, "佐藤\x07健", "<b>佐藤</b>", "12345"])
def test_what_is_no_name_comes_back_with_the_reason(clerk: Clerk, sato: int, name: str) -> None:
    clerk.open(f"/registrants/{sato}/names")
    clerk.send(child_name=name, guardian_name="佐藤 恵")
    assert clerk.status == 422
    assert "氏名" in clerk.page
    assert "<b>佐藤" not in clerk.page
    clerk.open(f"/registrants/{sato}")
    assert "佐藤 健" in clerk.page


def test_a_child_moves_to_another_class(clerk: Clerk, sato: int, ward: Ward) -> None:
    clerk.open(f"/registrants/{sato}/class")
    clerk.send(school_class=str(ward.classes[3].id))
    assert "3年 1組" in clerk.page
    for wrong in ("", "x", "999999", str(ward.other_classes[0].id)):
        clerk.open(f"/registrants/{sato}/class")
        clerk.send(school_class=wrong)
        assert clerk.status == 422


def test_removing_asks_first_and_then_the_registrant_is_gone(clerk: Clerk, sato: int) -> None:
    clerk.open(f"/registrants/{sato}/remove")
    assert "元に戻せません" in clerk.page
    assert Registration.get_by_id(sato).state == "confirmed"
    form = clerk.page
    clerk.send()
    assert "登録を消しました" in clerk.page
    clerk.open(f"/registrants/{sato}")
    assert clerk.status == 404
    clerk.page = form
    clerk.send(f"/registrants/{sato}/remove")  # pressed twice
    assert clerk.status == 404
    assert records("registration.removed") == 1


def test_a_ward_officer_sees_counts_of_all_schools_and_no_name(admin: Flask, ward: Ward, sato: int) -> None:
    officer = Clerk(admin)
    officer.login("kutan")
    assert "みどり第一小学校" in officer.page
    assert "わかば幼稚園" in officer.page
    for path in (
        f"/schools/{ward.school.id}/registrants",
        f"/registrants/{sato}",
        f"/registrants/{sato}/names",
        f"/registrants/{sato}/class",
        f"/registrants/{sato}/remove",
    ):
        officer.open(path)
        assert officer.status == 403, path
        assert "佐藤" not in officer.page
    officer.open(f"/schools/{ward.school.id}")
    assert officer.status == 200
    assert records("registrations.listed") + records("registration.opened") == 0
