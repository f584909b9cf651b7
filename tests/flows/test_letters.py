"""What guardians read who sent something that leads nowhere: the letters as they leave, opened again."""

import email
import email.policy
from collections.abc import Callable

import pytest

from appliance import address, clock, delivery, security_code
from appliance.config import Zone
from appliance.models import School
from smtp.render import Renderer
from tests.flows.ward import Ward

PARENT = "hanako@docomo.ne.jp"


def retired(ward: Ward) -> str:
    code = security_code.current(ward.school.id).code
    security_code.renew(ward.school)
    return str(code)


def unknown(ward: Ward) -> str:
    return security_code.mint()


def closed(ward: Ward) -> str:
    School.update(state="closed").where(School.id == ward.school.id).execute()
    return str(security_code.current(ward.school.id).code)


def letter(ward: Ward) -> tuple[str, str]:
    """Subject and text of the one letter that waits, as a phone shows them."""
    (claimed,) = delivery.claim("w1", "docomo", limit=10, lease_s=60, now=clock.now())
    renderer = Renderer(ward.config, ward.keyring(Zone.MAIL))
    renderer.prepare([claimed])
    read = email.message_from_bytes(
        renderer.message(claimed, address.parse(PARENT)).content, policy=email.policy.default
    )
    return read["Subject"], read.get_content()


@pytest.mark.parametrize(
    ("code", "told", "told_in_english"),
    [
        (retired, "学校から配られた新しい「登録案内」のアドレスへ", "the address on the new handout"),
        (unknown, "8文字)をもう一度お確かめのうえ", "check the 8 characters left of the @"),
        (closed, "お子さまが通っている学校の「登録案内」を", "the handout of your child's present school"),
    ],
)
def test_a_code_that_leads_nowhere_is_answered_with_what_to_do(
    ward: Ward, code: Callable[[Ward], str], told: str, told_in_english: str
) -> None:
    ward.empty_mail(PARENT, code=code(ward))
    subject, text = letter(ward)
    assert 0 <= text.index(told) < text.index(told_in_english)  # Japanese first
    assert " / " in subject
    assert "/r/" not in text  # no link: nothing was begun
    assert PARENT not in text


def test_the_reply_holds_its_link_once_above_both_languages(ward: Ward) -> None:
    ward.empty_mail(PARENT)
    _, text = letter(ward)
    assert text.count(f"{ward.config.guardian.origin}/r/") == 1
    assert text.index("/r/") < text.index("We received")
