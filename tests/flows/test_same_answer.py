"""Nobody learns from the dialogue whether an address or a code is known: same bytes, same statements."""

import asyncio
from collections.abc import Callable

from appliance import security_code
from appliance.config import Config
from appliance.directory.schools import add_school
from tests.dialogs.inbound.play import Peer
from tests.flows.test_empty_mail import MailHouse, Scene, play  # noqa: F401 - a fixture
from tests.flows.test_many_workers import statements  # noqa: F401 - a fixture


async def whole_dialogue(house: MailHouse, sender: str, code: str, number: int) -> bytes:
    """Every byte that the server says, from its greeting to the end."""
    peer = await Peer.dial(house.port)
    said = b""
    for command in (
        "EHLO phone.example",
        f"MAIL FROM:<{sender}>",
        f"RCPT TO:<{code}@{house.config.mail.registration_domain}>",
        "DATA",
        f"Message-ID: <{number}@phone.example>\r\n\r\n.",
        "QUIT",
    ):
        said += await peer.reader.readuntil(b"\r\n")
        await peer.send(command.encode() + b"\r\n")
    said += await peer.reader.read()
    peer.close()
    return said


def test_known_and_unknown_addresses_and_codes_hear_the_same_bytes(
    play: Callable[[Scene], None],  # noqa: F811
) -> None:
    async def scene(house: MailHouse) -> None:
        retired, closed = security_code.mint(), security_code.mint()
        await asyncio.to_thread(_retire_and_close, retired, closed)
        await whole_dialogue(house, "known@docomo.ne.jp", house.code, 0)
        heard = {
            (sender, code): await whole_dialogue(house, sender, code, number)
            for number, sender in enumerate(("known@docomo.ne.jp", "fresh@docomo.ne.jp"), start=1)
            for code in (house.code, security_code.mint(), retired, closed)
        }
        assert len(heard) == 8
        assert len(set(heard.values())) == 1
        assert b"250 2.0.0 Taken and kept" in next(iter(heard.values()))

    play(scene)


def _retire_and_close(retired: str, closed: str) -> None:
    from appliance import clock
    from appliance.models import SecurityCode

    school = add_school("elementary", "あさぎり小学校", "Asagiri Elementary School")
    SecurityCode.create(school=school, code=retired, state="retired", created_at=clock.now())
    shut = add_school("elementary", "ゆうなぎ小学校", "Yunagi Elementary School")
    shut.state = "closed"
    shut.save()
    SecurityCode.create(school=shut, code=closed, created_at=clock.now())


def test_a_known_address_costs_the_statements_of_an_unknown_one(
    database: Config,
    play: Callable[[Scene], None],  # noqa: F811
    statements: list[str],  # noqa: F811
) -> None:
    """A code that no school has costs one INSERT less: the pending registration. The commit outlasts it."""

    async def scene(house: MailHouse) -> None:
        async def costs(sender: str, code: str, number: int) -> list[str]:
            statements.clear()
            await whole_dialogue(house, sender, code, number)
            return [text.split(" VALUES")[0] for text in statements]

        await costs("known@docomo.ne.jp", house.code, 0)
        known = await costs("known@docomo.ne.jp", house.code, 1)
        fresh = await costs("fresh@docomo.ne.jp", house.code, 2)
        assert known == fresh
        for number, sender in enumerate(("known@docomo.ne.jp", "other@docomo.ne.jp"), start=3):
            stray = await costs(sender, security_code.mint(), number)
            if number > 3:  # the ward's own key is read once
                pending = [text for text in known if text not in stray]
                assert [text.split('"')[1] for text in pending] == ["registration"]

    play(scene)
