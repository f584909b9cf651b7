"""The morning after an outage: the status page says what was not sent, and asks."""

from appliance import clock, delivery
from appliance.models import Broadcast, Delivery
from tests.web.staff.ward import Clerk, write


def test_what_ran_out_of_time_is_sent_on_after_asking_once(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    Delivery.update(expires_at=clock.now()).where(Delivery.broadcast == broadcast_id).execute()
    delivery.expire(clock.now())
    delivery.finish_broadcasts(clock.now())
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "時間切れで送れなかった宛先が4件あります" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/late")
    assert "本日は、短縮授業です。" in clerk.page
    clerk.send()
    assert Broadcast.get_by_id(broadcast_id).state == "sending", clerk.page
    assert "改めて送りました" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/late")
    assert clerk.path == f"/broadcasts/{broadcast_id}"
