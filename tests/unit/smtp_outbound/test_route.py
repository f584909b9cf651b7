"""Where mail goes, asked of a real name server on loopback."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from appliance.address import Carrier
from appliance.config.schema import Relay
from smtp.route import NoRoute, Route, Router
from tests.unit.smtp_outbound.name_server import NameServer, serving

RECORDS = """
docomo.ne.jp. 300 IN MX 10 mfsmax.docomo.ne.jp.
mfsmax.docomo.ne.jp. 300 IN A 203.138.180.1
city.example. 300 IN MX 20 b.mx.example.
city.example. 300 IN MX 10 a.mx.example.
a.mx.example. 300 IN A 198.41.0.4
b.mx.example. 300 IN A 198.41.0.5
b.mx.example. 300 IN AAAA 2001:500::1
equal.example. 300 IN MX 10 a.mx.example.
equal.example. 300 IN MX 10 b.mx.example.
bare.example. 300 IN A 198.41.0.6
null.example. 300 IN MX 0 .
nearly.example. 300 IN MX 0 .
nearly.example. 300 IN MX 10 a.mx.example.
text.example. 300 IN TXT "no mail here"
alias.example. 300 IN CNAME city.example.
circle.example. 300 IN CNAME circle2.example.
circle2.example. 300 IN CNAME circle.example.
hidden.example. 300 IN MX 10 away.example.
broken.example. 300 IN MX 10 servfail.example.
half.example. 300 IN MX 10 servfail.example.
half.example. 300 IN MX 20 a.mx.example.
six.example. 300 IN MX 10 six-only.example.
six-only.example. 300 IN AAAA 2001:500::1
ours.example. 300 IN MX 10 mail.midori.example.
backup.example. 300 IN MX 20 mail.midori.example.
backup.example. 300 IN MX 10 a.mx.example.
backup.example. 300 IN MX 30 b.mx.example.
mirror.example. 300 IN MX 10 mirror.mx.example.
mirror.mx.example. 300 IN A 198.41.0.9
mail.midori.example. 300 IN A 198.41.0.9
school.example. 300 IN MX 1 aspmx.l.google.com.
school.example. 300 IN MX 5 alt1.aspmx.l.google.com.
school.example. 300 IN MX 9 aspmx2.googlemail.com.
aspmx.l.google.com. 300 IN A 142.250.1.1
alt1.aspmx.l.google.com. 300 IN A 142.250.1.2
aspmx2.googlemail.com. 300 IN A 142.250.1.3
stranger.example. 300 IN MX 10 mfsmax.docomo.ne.jp.
pointing.example. 300 IN MX 10 pointer.example.
pointer.example. 300 IN CNAME a.mx.example.
twice.example. 300 IN MX 10 a.mx.example.
twice.example. 300 IN MX 20 a.mx.example.
"""
RECORDS += "".join(
    f"crowd.example. 300 IN MX {10 + n // 20} mx{n:02}.crowd.example.\n"
    f"mx{n:02}.crowd.example. 300 IN A 198.41.1.{n}\n"
    for n in range(25)
)
PRIVATE = {
    "loopback": "127.0.0.1",
    "ten": "10.1.2.3",
    "home": "192.168.1.1",
    "link-local": "169.254.169.254",
    "carrier-grade": "100.64.0.1",
    "zero": "0.0.0.0",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "documentation": "203.0.113.1",
}
RECORDS += "".join(
    f"{name}.evil.example. 300 IN MX 10 mx.{name}.evil.example.\nmx.{name}.evil.example. 300 IN A {ip}\n"
    for name, ip in PRIVATE.items()
)


def server(**habits: object) -> NameServer:
    bad = frozenset({"servfail.example"})
    return NameServer(RECORDS, **{"servfail": bad, **habits})  # type: ignore[arg-type]


def find(domain: str, *, private: bool = False, names: NameServer | None = None, **relay_: object) -> Route:
    async def ask() -> Route:
        async with serving(names or server()) as endpoint:
            relay = Relay(
                nameservers=[endpoint],
                spool_dir=Path("spool"),
                allow_private_targets=private,
                **relay_,  # type: ignore[arg-type]
            )
            return await Router(relay, hostname="mail.midori.example").find(domain)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(ask())


def hosts(route: Route) -> list[str]:
    return [target.host for target in route.targets]


def test_by_preference() -> None:
    route = find("city.example")
    assert [(target.host, target.ip, target.port) for target in route.targets] == [
        ("a.mx.example", "198.41.0.4", 25),
        ("b.mx.example", "198.41.0.5", 25),  # IPv4 only
    ]


def test_equal_preferences_are_shuffled() -> None:
    async def ask() -> set[tuple[str, ...]]:
        async with serving(server()) as endpoint:
            router = Router(Relay(nameservers=[endpoint], spool_dir=Path("spool")))
            return {tuple(hosts(await router.find("equal.example"))) for _ in range(60)}

    assert asyncio.run(ask()) == {("a.mx.example", "b.mx.example"), ("b.mx.example", "a.mx.example")}


@pytest.mark.parametrize(
    ("families", "ips"),
    [
        (["ipv4"], ["198.41.0.5"]),
        (["ipv6"], ["2001:500::1"]),
        (["ipv6", "ipv4"], ["2001:500::1", "198.41.0.5"]),
        (["ipv4", "ipv6"], ["198.41.0.5", "2001:500::1"]),
    ],
)
def test_the_families_of_addresses_are_the_configured_ones_in_their_order(
    families: list[str], ips: list[str]
) -> None:
    route = find("city.example", ip_families=families)
    assert [target.ip for target in route.targets if target.host == "b.mx.example"] == ips


def test_a_host_with_ipv6_only_is_found_once_ipv6_is_on() -> None:
    assert [target.ip for target in find("six.example", ip_families=["ipv4", "ipv6"]).targets] == [
        "2001:500::1"
    ]


@pytest.mark.parametrize(
    "ip",
    ["::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2001:0:1::1", "fc00::1", "fe80::1",
     "ff02::1", "2001:db8::1"],
)  # fmt: skip
def test_no_ipv6_address_leads_inside(ip: str) -> None:
    names = NameServer(f"evil.example. 300 IN AAAA {ip}\n")
    with pytest.raises(NoRoute) as caught:
        find("evil.example", names=names, ip_families=["ipv6"])
    assert caught.value.enhanced == "5.4.4"


def test_an_mx_may_be_an_alias() -> None:
    """RFC 5321 5.1 forbids it to the domain's owner, and everybody sends there all the same."""
    assert [(target.host, target.ip) for target in find("pointing.example").targets] == [
        ("pointer.example", "198.41.0.4")
    ]


def test_a_host_that_is_listed_twice_is_tried_once() -> None:
    assert hosts(find("twice.example")) == ["a.mx.example"]


def test_of_many_hosts_ten_are_tried_and_the_site_has_one_name() -> None:
    """Which of the equal ones are tried differs from look-up to look-up, the site must not."""
    names = server()

    async def ask() -> list[Route]:
        async with serving(names) as endpoint:
            router = Router(Relay(nameservers=[endpoint], spool_dir=Path("spool")))
            return [await router.find("crowd.example") for _ in range(10)]

    routes = asyncio.run(ask())
    assert {len(route.targets) for route in routes} == {10}
    assert len({frozenset(hosts(route)) for route in routes}) > 1
    assert len({route.site for route in routes}) == 1
    best = {f"mx{n:02}.crowd.example" for n in range(20)}
    assert all(set(hosts(route)) <= best for route in routes)


def test_without_mx_the_domain_itself() -> None:
    assert [target.ip for target in find("bare.example").targets] == ["198.41.0.6"]


def test_a_cname_is_followed() -> None:
    assert hosts(find("alias.example")) == ["a.mx.example", "b.mx.example"]


def test_a_cname_is_followed_when_the_server_leaves_it_to_us() -> None:
    assert hosts(find("alias.example", names=server(lazy=True))) == ["a.mx.example", "b.mx.example"]


def test_a_null_mx_among_others_is_no_host() -> None:
    assert hosts(find("nearly.example")) == ["a.mx.example"]


def test_a_host_that_cannot_be_looked_up_is_passed_over() -> None:
    assert hosts(find("half.example")) == ["a.mx.example"]


def test_where_we_are_an_mx_only_better_ones_count() -> None:
    assert hosts(find("backup.example")) == ["a.mx.example"]


@pytest.mark.parametrize(
    ("domain", "enhanced", "permanent"),
    [
        ("null.example", "5.1.10", True),
        ("nowhere.example", "5.1.2", True),
        ("text.example", "5.4.4", True),
        ("hidden.example", "5.4.4", True),
        ("six.example", "5.4.4", True),
        ("ours.example", "5.4.6", True),
        ("mirror.example", "5.4.4", True),
        ("servfail.example", "4.4.3", False),
        ("broken.example", "4.4.3", False),
        *((f"{name}.evil.example", "5.4.4", True) for name in PRIVATE),
    ],
)
def test_no_route(domain: str, enhanced: str, permanent: bool) -> None:
    with pytest.raises(NoRoute) as caught:
        find(domain)
    assert (caught.value.enhanced, caught.value.permanent) == (enhanced, permanent)
    assert caught.value.outcome.enhanced == enhanced
    assert caught.value.outcome.kind == ("failed" if permanent else "deferred")


@pytest.mark.parametrize("habit", ["lazy", "not lazy"])
def test_a_circle_of_cnames_ends(habit: str) -> None:
    with pytest.raises(NoRoute) as caught:
        find("circle.example", names=server(lazy=habit == "lazy"))
    assert not caught.value.permanent


def test_the_lab_may_open_loopback() -> None:
    assert [target.ip for target in find("loopback.evil.example", private=True).targets] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("domain", "carrier", "operator"),
    [
        ("docomo.ne.jp", Carrier.DOCOMO, "docomo"),
        ("stranger.example", Carrier.DOCOMO, "docomo"),
        ("school.example", Carrier.GOOGLE, "google"),
        ("city.example", Carrier.OTHER, "mx.example"),
    ],
)
def test_the_hosts_tell_the_carrier(domain: str, carrier: Carrier, operator: str) -> None:
    route = find(domain)
    assert (route.carrier, route.operator) == (carrier, operator)
    assert all(target.carrier is carrier for target in route.targets)


def test_the_same_hosts_are_the_same_site() -> None:
    assert find("alias.example").site == find("city.example").site == "a.mx.example+b.mx.example"


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", "a" * 300])
def test_a_name_that_is_none_does_not_exist(name: str) -> None:
    with pytest.raises(NoRoute) as caught:
        find(name)
    assert caught.value.permanent
