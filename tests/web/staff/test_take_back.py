"""The deputy sends to the wrong class, sees it, and takes it back while nothing has left."""

from appliance.models import Broadcast
from tests.web.staff.ward import Clerk, Ward, write
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
