"""Letters that wait for a look-up: counted by site and lane without looking at any of them."""

import random

from appliance import clock
from appliance.address import Address
from appliance.delivery import Claimed
from smtp.unrouted import Letter, Unrouted


class Watched(Claimed):
    """A claimed delivery that counts how often somebody asks for its site."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        if name == "site":
            Watched.looks += 1
        return super().__getattribute__(name)


def letter(number: int, site: str, lane: int) -> Letter:
    now = clock.now()
    row = Watched(number, 1, "broadcast", site, lane, number, 1, 1, None, number, 1, b"", now, now)
    return row, Address("p", f"d{number}.example")


def test_the_counts_are_what_is_there_whatever_came_and_went() -> None:
    chance, unrouted, there = random.Random(7), Unrouted(), {}
    for number in range(2000):
        domain = f"d{chance.randrange(40)}.example"
        match chance.randrange(20):
            case 0:
                assert unrouted.pop(domain) == there.pop(domain, [])
            case 1:
                assert len(unrouted.clear()) == sum(len(letters) for letters in there.values())
                there = {domain: [] for domain in there}
            case _:
                new = [letter(number, f"site{chance.randrange(5)}", chance.randrange(3))]
                unrouted.add(domain, new)
                there.setdefault(domain, []).extend(new)
        for site in range(6):
            for lane in range(3):
                waiting = [row for letters in there.values() for row, _ in letters]
                expected = sum(row.site == f"site{site}" and row.lane <= lane for row in waiting)
                assert unrouted.count(f"site{site}", lane) == expected
    assert {row.id for row in unrouted.held()} == {row.id for rows in there.values() for row, _ in rows}
    assert all(domain in unrouted for domain in there)


def test_three_thousand_private_domains_are_counted_without_a_walk() -> None:
    unrouted = Unrouted()
    for number in range(3000):
        unrouted.add(f"d{number}.example", [letter(number, f"other-{number}", 2)])
    Watched.looks = 0
    assert sum(unrouted.count(f"other-{number}", 2) for number in range(3000)) == 3000
    assert Watched.looks == 0
