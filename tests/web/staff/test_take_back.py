"""What goes out is stopped: by who sent it, while nothing has left; by the ward, when its sender may not."""

from appliance.models import Account, Broadcast
from tests.web.staff.ward import Clerk, Ward, write
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender


def test_a_slip_is_taken_back_with_one_press_while_nothing_has_left(ward: Ward) -> None:
    settings = ward.config.broadcast.model_copy(update={"take_back_s": 60})
    clerk = Clerk(create_sender(ward.config.model_copy(update={"broadcast": settings})))
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    assert "まだ1通も出ていません" in clerk.page
    assert "送信を取り消す" in clerk.page
    clerk.send(f"/broadcasts/{broadcast_id}/stop")
    assert Broadcast.get_by_id(broadcast_id).state == "stopped", clerk.page
    assert "1通も出ていません" in clerk.page
    assert "送信を取り消す" not in clerk.page


def test_the_ward_stops_the_mail_of_a_principal_whom_it_has_suspended(ward: Ward) -> None:
    thief, officer = (Clerk(create_admin(ward.config)) for _ in range(2))
    thief.login("encho")
    broadcast_id = write(thief)
    thief.send()
    officer.login("kutan")
    who = Account.get(Account.login_id == "encho").id
    officer.open(f"/accounts/{who}/suspend")
    officer.send()
    officer.open(f"/broadcasts/{broadcast_id}")
    assert "まだ出ていない分を止める" in officer.page
    officer.open(f"/broadcasts/{broadcast_id}/stop")
    officer.send()
    assert Broadcast.get_by_id(broadcast_id).state == "stopped", officer.page


def test_an_officer_sends_nothing_for_a_school(ward: Ward) -> None:
    clerk, officer = (Clerk(create_admin(ward.config)) for _ in range(2))
    clerk.login("encho")
    broadcast_id = write(clerk)
    officer.login("kutan")
    officer.send(f"/broadcasts/{broadcast_id}/check")
    assert officer.status == 403
    assert Broadcast.get_by_id(broadcast_id).state == "draft"
