"""From the blank page to the last delivery, on both sites: what goes right and what is typed wrong."""

import pytest
from flask import Flask

from appliance import clock, delivery
from appliance.actor import Role
from appliance.delivery import Kind, Outcome, Result
from appliance.directory.schools import retire_class
from appliance.models import Account, Audit, Broadcast, Delivery, Registration, School
from tests.web.staff.ward import Clerk, Ward, write


def deliveries(broadcast_id: int) -> int:
    return Delivery.select().where(Delivery.broadcast == broadcast_id).count()


def test_the_principal_sends_an_urgent_mail_to_one_class(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, urgent=True, scope="classes", school_class=str(ward.classes[0].id))
    assert "1年 1組" in clerk.page
    assert "1年 2組" not in clerk.page
    assert "docomo" in clerk.page
    clerk.send(typed="2")
    assert clerk.path == f"/broadcasts/{broadcast_id}"
    assert "配信中" in clerk.page
    assert deliveries(broadcast_id) == 2
    assert {row.lane for row in Delivery.select().where(Delivery.broadcast == broadcast_id)} == {0}


def test_what_is_checked_is_the_mail_as_it_will_be_read(clerk: Clerk) -> None:
    clerk.login("kocho")
    write(clerk, urgent=True)
    assert "【緊急】【みどり第一小学校】短縮授業について" in clerk.page
    assert "確認したことが学校に伝わります。" in clerk.page


def test_a_routine_mail_to_the_whole_school_needs_no_number(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    assert deliveries(broadcast_id) == 4


@pytest.mark.parametrize("typed", ["", "3", "-4", "four", "4" * 400])
def test_an_urgent_mail_does_not_go_while_the_number_is_wrong(clerk: Clerk, typed: str) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, urgent=True)
    clerk.send(typed=typed)
    assert clerk.status == 422
    assert deliveries(broadcast_id) == 0
    clerk.send(typed="４件")
    assert deliveries(broadcast_id) == 4


def test_pressing_send_twice_sends_once(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    form = clerk.page
    clerk.send()
    clerk.page = form
    clerk.send(f"/broadcasts/{broadcast_id}/check")
    assert (clerk.status, clerk.path) == (200, f"/broadcasts/{broadcast_id}")
    assert deliveries(broadcast_id) == 4
    assert Broadcast.select().count() == 1


def test_pressing_next_twice_makes_one_draft(clerk: Clerk) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    form, path = clerk.page, clerk.path
    clerk.send(urgent="no", category="event")
    clerk.page = form
    clerk.send(path, urgent="no", category="event")
    assert Broadcast.select().count() == 1


def test_who_was_registered_after_the_page_was_shown_is_shown_first(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    ward.register("tanaka@yahoo.co.jp", "田中 光", "田中 実", ward.classes[0])
    clerk.send()
    assert "宛先の数が、いま変わりました" in clerk.page
    assert deliveries(broadcast_id) == 0
    assert Broadcast.get_by_id(broadcast_id).state == "draft"
    clerk.send()
    assert deliveries(broadcast_id) == 5


def test_a_text_changed_in_another_window_is_shown_first(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    form = clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    clerk.send(subject="別の件名", body="別の本文")
    clerk.page = form
    clerk.send(f"/broadcasts/{broadcast_id}/check")
    assert "内容が変わりました" in clerk.page
    assert deliveries(broadcast_id) == 0


def test_a_registered_name_in_the_text_has_to_be_acknowledged(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, text="2年の鈴木翼さんは、03-1234-5678へ。")
    assert "登録されている児童等の氏名" in clerk.page
    assert "03-1234-5678" in clerk.page
    clerk.send()
    assert clerk.status == 422
    assert deliveries(broadcast_id) == 0
    clerk.send(acknowledged="yes")
    assert deliveries(broadcast_id) == 4


def test_a_blank_of_the_sample_that_was_left_stops_the_mail(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, text="本日の○○は、中止します。")
    clerk.send()
    assert "「○○」が残っています" in clerk.page
    assert deliveries(broadcast_id) == 0


def test_staff_submit_and_the_principal_approves(clerk: Clerk, app: Flask) -> None:
    clerk.login("sensei")
    broadcast_id = write(clerk)
    assert "園長・校長に申請する" in clerk.page
    clerk.send()
    assert "承認を待っています" in clerk.page
    assert deliveries(broadcast_id) == 0
    principal = Clerk(app)
    principal.login("kocho")
    assert "承認を待っています" in principal.page
    principal.open(f"/broadcasts/{broadcast_id}")
    assert "教諭 林 二葉さんが申請しました" in principal.page
    principal.send()
    assert deliveries(broadcast_id) == 4
    acts = [row.act for row in Audit.select().where(Audit.object_kind == "broadcast").order_by(Audit.id)]
    assert acts[-3:] == ["broadcast.submitted", "broadcast.approved", "broadcast.sent"]


def test_staff_cannot_send_what_they_submitted(clerk: Clerk) -> None:
    clerk.login("sensei")
    broadcast_id = write(clerk)
    form = clerk.page
    clerk.send()
    clerk.page = form
    clerk.send(f"/broadcasts/{broadcast_id}/check")
    assert deliveries(broadcast_id) == 0
    assert Broadcast.get_by_id(broadcast_id).state == "submitted"
    clerk.send(f"/broadcasts/{broadcast_id}/refuse")
    assert clerk.status == 403


def test_what_the_principal_gives_back_can_be_written_anew(clerk: Clerk, app: Flask) -> None:
    clerk.login("sensei")
    broadcast_id = write(clerk)
    clerk.send()
    principal = Clerk(app)
    principal.login("kocho")
    principal.open(f"/broadcasts/{broadcast_id}/refuse")
    principal.send()
    clerk.open("/")
    assert "差戻し" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}")
    clerk.send(f"/broadcasts/{broadcast_id}/again")
    clerk.send(scope="whole")
    assert "本日は、短縮授業です。" in clerk.page
    assert clerk.path != f"/broadcasts/{broadcast_id}/check"


def test_staff_send_where_the_school_lets_them(clerk: Clerk, ward: Ward) -> None:
    School.update(approval_required=False).where(School.id == ward.school.id).execute()
    clerk.login("sensei")
    broadcast_id = write(clerk)
    clerk.send()
    assert deliveries(broadcast_id) == 4


def test_a_ward_officer_watches_a_schools_mail_and_writes_none_for_it(clerk: Clerk, app: Flask) -> None:
    principal = Clerk(app)
    principal.login("kocho")
    broadcast_id = write(principal)
    principal.send()
    clerk.login("kutan")
    assert "みどり第一小学校" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "配信中" in clerk.page
    assert "止める" not in clerk.page
    clerk.open("/schools/1/broadcasts/new")
    assert clerk.status == 403
    clerk.open(f"/broadcasts/{broadcast_id}/stop")
    clerk.send()
    assert clerk.status == 403
    assert Broadcast.get_by_id(broadcast_id).state == "sending"


def test_who_has_two_schools_is_asked_which(clerk: Clerk, ward: Ward) -> None:
    clerk.login("two")
    clerk.open("/broadcasts/new")
    assert "どの学校から送りますか" in clerk.page
    clerk.open("/broadcasts/new?asked=1&school=999")
    assert "選んでください" in clerk.page
    clerk.open(f"/broadcasts/new?asked=1&school={ward.other.id}")
    assert clerk.path == f"/schools/{ward.other.id}/broadcasts/new"


def test_the_status_counts_what_the_receivers_said_and_promises_no_more(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    now = clock.now()
    taken = Outcome(Kind.ACCEPTED, 250, "2.0.0")
    delivery.settle(
        [
            Result(row.id, row.token, row.lane, row.attempts, "w1", taken, now)
            for row in delivery.claim("w1", "softbank", limit=10, lease_s=60, now=now)
        ]
    )
    clerk.open(f"/broadcasts/{broadcast_id}/progress")
    assert "1 / 4" in clerk.page
    assert "data-refresh-url" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}")
    for word in ("配達", "届きました", "到達しました", "既読"):
        assert word not in clerk.page


def test_stopping_asks_first_and_says_what_cannot_be_undone(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    clerk.open(f"/broadcasts/{broadcast_id}/stop")
    assert "取り戻せないもの" in clerk.page
    clerk.send()
    assert Broadcast.get_by_id(broadcast_id).state == "stopped", clerk.page
    assert "停止" in clerk.page
    assert "data-refresh-url" not in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/stop")
    assert clerk.path == f"/broadcasts/{broadcast_id}"


# --- what is typed wrong


def test_nothing_chosen_is_asked_again(clerk: Clerk) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send()
    assert clerk.status == 422
    assert "緊急か通常か" in clerk.page
    clerk.send(urgent="no", category="advertisement")
    assert "何についての連絡か" in clerk.page
    assert Broadcast.select().count() == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "だれに送るか"),
        ({"scope": "classes"}, "送る学級に印を"),
        ({"scope": "classes", "school_class": "999999"}, "学級がなくなりました"),
        ({"scope": "classes", "school_class": "x"}, "学級がなくなりました"),
        ({"scope": "everyone"}, "だれに送るか"),
    ],
)
def test_an_audience_that_is_none_is_asked_again(clerk: Clerk, fields: dict[str, str], words: str) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="no", category="event")
    clerk.send(**fields)
    assert clerk.status == 422
    assert words in clerk.page


def test_who_ticks_a_class_need_not_say_so_twice(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="no", category="event")
    clerk.send(school_class=str(ward.classes[0].id))
    assert clerk.path.endswith("/text")
    assert str(ward.classes[0].id) in Broadcast.get().audience
    assert "null" not in Broadcast.get().audience


def test_the_whole_school_and_a_class_at_once_is_asked_again(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="no", category="event")
    clerk.send(scope="whole", school_class=str(ward.classes[0].id))
    assert "どちらかに" in clerk.page


def test_a_class_of_another_school_is_no_audience(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="no", category="event")
    clerk.send(scope="classes", school_class=str(ward.other_classes[0].id))
    assert clerk.status == 422
    assert "ゆり組" not in clerk.page


def test_a_class_without_registrants_is_not_sent_to(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, scope="classes", school_class=str(ward.classes[3].id))
    assert clerk.status == 422
    assert "登録している人がいません" in clerk.page
    clerk.send()
    assert Broadcast.get_by_id(broadcast_id).state == "draft"


def test_a_school_that_nobody_has_registered_at_is_not_sent_to(clerk: Clerk, ward: Ward) -> None:
    clerk.login("encho")
    Registration.update(state="withdrawn").where(Registration.school == ward.other.id).execute()
    broadcast_id = write(clerk)
    assert "登録している人がいません" in clerk.page
    clerk.send()
    assert (clerk.status, deliveries(broadcast_id)) == (422, 0)
    assert Broadcast.get_by_id(broadcast_id).body == "本日は、短縮授業です。"  # nothing of the work is lost


def test_a_class_that_went_after_it_was_chosen_is_noticed(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk, scope="classes", school_class=str(ward.classes[3].id))
    retire_class(
        ward.actor(Role.PRINCIPAL, ward.school, account_id=Account.get(login_id="kocho").id), ward.classes[3]
    )
    clerk.open(f"/broadcasts/{broadcast_id}/check")
    assert "登録している人がいません" in clerk.page


@pytest.mark.parametrize(
    ("subject", "body", "words"),
    [
        ("", "本文", "件名を書いてください"),
        ("件名", "  \n ", "本文を書いてください"),
        ("長" * 81, "本文", "件名は80字まで"),
        ("件名", "長" * 4001, "本文は4000字まで"),
        ("件名\r\nBcc: dareka@evil.example", "本文", "メールで送れない文字"),
        ("件名\x00", "本文", "メールで送れない文字"),
    ],
)
def test_a_text_that_cannot_be_sent_comes_back_with_the_reason(
    clerk: Clerk, subject: str, body: str, words: str
) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="no", category="event")
    clerk.send(scope="whole")
    clerk.send(subject=subject, body=body)
    assert clerk.status == 422
    assert words in clerk.page
    assert (body.strip() or "textarea") in clerk.page
    assert not Broadcast.select().where(Broadcast.subject.contains("Bcc")).exists()


def test_a_request_far_too_large_is_refused_kindly(clerk: Clerk) -> None:
    clerk.login("kocho")
    write(clerk)
    clerk.open(clerk.path.replace("check", "text"))
    clerk.send(subject="件名", body="長" * 50_000)
    assert clerk.status == 413
    assert "大きすぎます" in clerk.page


def test_markup_in_a_text_is_shown_as_it_was_typed(clerk: Clerk) -> None:
    clerk.login("kocho")
    write(clerk, text="<script>alert(1)</script>")
    assert "<script>alert" not in clerk.page
    assert "&lt;script&gt;alert" in clerk.page


# --- when it will be through


def test_before_sending_it_says_where_most_are_and_until_when(clerk: Clerk) -> None:
    clerk.login("kocho")
    write(clerk)
    assert "いちばん多いのは" in clerk.page
    assert "(25%)" in clerk.page, "four guardians at four carriers"
    assert "ごろに送り終わる見込みです" in clerk.page
