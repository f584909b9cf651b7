"""DNS as the relay asks it: what is kept, for how long, and whom it believes."""

import asyncio

import pytest

from appliance import clock
from smtp.resolver import NoAnswer, NoSuchDomain, Resolver
from tests.unit.smtp_outbound.name_server import NameServer, serving

RECORDS = """
docomo.ne.jp. 300 IN MX 10 mfsmax.docomo.ne.jp.
city.example. 300 IN MX 20 b.mx.example.
a.mx.example. 300 IN A 198.41.0.4
b.mx.example. 300 IN A 198.41.0.5
text.example. 300 IN TXT "no mail here"
pointer.example. 300 IN CNAME a.mx.example.
"""


def server(**habits: object) -> NameServer:
    bad = frozenset({"servfail.example"})
    return NameServer(RECORDS, **{"servfail": bad, **habits})  # type: ignore[arg-type]


def test_a_cut_off_answer_is_asked_again_over_tcp() -> None:
    names = server(short_udp=True)

    async def ask() -> None:
        async with serving(names) as endpoint:
            assert (await Resolver([endpoint]).mx("docomo.ne.jp")).pairs == [(10, "mfsmax.docomo.ne.jp")]

    asyncio.run(ask())


def test_answers_are_kept_as_long_as_their_ttl(monkeypatch: pytest.MonkeyPatch) -> None:
    names = server()
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    async def ask() -> list[int]:
        counts = []
        async with serving(names) as endpoint:
            resolver = Resolver([endpoint])
            for step_s in (0, 299, 2):
                now[0] += step_s
                assert (await resolver.mx("docomo.ne.jp")).pairs == [(10, "mfsmax.docomo.ne.jp")]
                with pytest.raises(NoSuchDomain):
                    await resolver.mx("nowhere.example")
                counts.append(names.asked["docomo.ne.jp", "MX"])
        return counts

    assert asyncio.run(ask()) == [1, 1, 2]
    assert names.asked["nowhere.example", "MX"] == 2


@pytest.mark.parametrize(("said_s", "kept_s"), [(30, 30), (86_400, 60), (0, 5)])
def test_what_is_not_there_is_remembered_as_long_as_its_zone_says_but_not_for_hours(
    said_s: int, kept_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = server(negative_ttl_s=said_s)
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    async def ask() -> None:
        async with serving(names) as endpoint:
            resolver = Resolver([endpoint])
            for name in ("nowhere.example", "text.example"):
                for after_s, times in ((0, 1), (kept_s - 1, 1), (2, 2)):
                    now[0] += after_s
                    try:
                        assert (await resolver.mx(name)).pairs == []
                    except NoSuchDomain:
                        assert name == "nowhere.example"
                    assert names.asked[name, "MX"] == times

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("trusted", "secure", "believed"), [(False, True, True), (False, False, False), (True, True, True)]
)
def test_dnssec_counts_where_the_resolver_on_loopback_says_so(
    trusted: bool, secure: bool, believed: bool
) -> None:
    names = server(secure=frozenset({"city.example", "a.mx.example"} if secure else ()))

    async def ask() -> None:
        async with serving(names) as endpoint:
            resolver = Resolver([endpoint], trusted=trusted)
            for _ in range(2):  # asked, and from the cache
                assert (await resolver.mx("city.example")).secure is believed
                assert (await resolver.addresses("a.mx.example")).secure is believed
                assert not (await resolver.addresses("b.mx.example")).secure

    asyncio.run(ask())


def test_a_resolver_elsewhere_is_not_believed_unless_the_way_to_it_is() -> None:
    assert Resolver(["127.0.0.1:53", "[::1]:53"])._believed
    assert not Resolver(["127.0.0.1:53", "192.0.2.53:53"])._believed
    assert Resolver(["192.0.2.53:53"], trusted=True)._believed


def test_an_alias_is_as_secure_as_its_weakest_link() -> None:
    names = server(lazy=True, secure=frozenset({"pointer.example"}))

    async def ask() -> None:
        async with serving(names) as endpoint:
            resolver = Resolver([endpoint])
            found = await resolver.addresses("pointer.example")
            assert (found.secure, found.canonical) == (False, "a.mx.example")
            names.secure = frozenset({"pointer.example", "a.mx.example"})
            found = await Resolver([endpoint]).addresses("pointer.example")
            assert (found.secure, found.canonical) == (True, "a.mx.example")

    asyncio.run(ask())


def test_trouble_is_not_kept() -> None:
    names = server()

    async def ask() -> None:
        async with serving(names) as endpoint:
            resolver = Resolver([endpoint])
            for _ in range(2):
                with pytest.raises(NoAnswer):
                    await resolver.mx("servfail.example")
            names.servfail = frozenset()
            with pytest.raises(NoSuchDomain):
                await resolver.mx("servfail.example")

    asyncio.run(ask())


def test_silence_is_no_answer_and_the_second_server_is_asked() -> None:
    silent = server(silent=frozenset({"docomo.ne.jp"}))

    async def ask() -> None:
        async with serving(silent) as first, serving(server()) as second:
            with pytest.raises(NoAnswer):
                await Resolver([first], timeout_s=0.2, lifetime_s=0.3).mx("docomo.ne.jp")
            found = await Resolver([first, second], timeout_s=0.2, lifetime_s=2).mx("docomo.ne.jp")
            assert found.pairs == [(10, "mfsmax.docomo.ne.jp")]

    asyncio.run(ask())
