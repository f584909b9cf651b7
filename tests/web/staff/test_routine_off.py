"""The check page at a school of which a guardian wants urgent mail only."""

from appliance import clock
from appliance.config import Zone
from appliance.models import Address, Delivery, School
from appliance.registration import routine
from tests.web.staff.ward import Clerk, Ward, write


def deliveries(broadcast_id: int) -> int:
    return Delivery.select().where(Delivery.broadcast == broadcast_id).count()


def stop_routine(ward: Ward, school: School) -> None:
    """One guardian of the school has pressed the button that the mail program shows above a routine mail."""
    key = ward.keyring(Zone.MAIL).secret(routine.SECRET)
    address = Address.get(Address.school_id == school.id)
    routine.switch(key, routine.stop_token(key, address.id), off=True, now=clock.now())


def test_who_stopped_routine_mail_is_left_out_and_the_check_page_says_so(clerk: Clerk, ward: Ward) -> None:
    stop_routine(ward, ward.school)
    clerk.login("kocho")
    routine_mail = write(clerk)
    assert "ほかに1件の宛先は、保護者が通常の連絡を止めている" in clerk.page
    clerk.send()
    assert deliveries(routine_mail) == 3


def test_who_stopped_routine_mail_gets_the_urgent_one(clerk: Clerk, ward: Ward) -> None:
    stop_routine(ward, ward.school)
    clerk.login("kocho")
    urgent_mail = write(clerk, urgent=True)
    assert "通常の連絡を止めている" not in clerk.page
    clerk.send(typed="4")
    assert deliveries(urgent_mail) == 4
