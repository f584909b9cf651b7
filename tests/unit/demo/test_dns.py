"""The town's name server answers as one on the internet does."""

import dns.message
import dns.rcode

from demo import town
from demo.carriers.brands import BRANDS
from demo.dns import answer, carriers_zone, records

ZONE = """
guardian.minamo.example. IN A 203.0.113.10
mta-sts.minamo.example. IN CNAME guardian.minamo.example.
round.minamo.example. IN CNAME about.minamo.example.
about.minamo.example. IN CNAME round.minamo.example.
lost.minamo.example. IN CNAME nowhere.example.
"""


def ask(name: str, kind: str) -> dns.message.Message:
    wire = answer(records(ZONE), dns.message.make_query(name, kind).to_wire())
    assert wire is not None
    return dns.message.from_wire(wire)


def told(name: str, kind: str) -> list[str]:
    return [line for found in ask(name, kind).answer for line in found.to_text().splitlines()]


def test_another_name_leads_to_what_the_first_one_has() -> None:
    assert told("mta-sts.minamo.example", "A") == [
        "mta-sts.minamo.example. 60 IN CNAME guardian.minamo.example.",
        "guardian.minamo.example. 60 IN A 203.0.113.10",
    ]


def test_who_asks_for_the_other_name_gets_it_and_no_more() -> None:
    assert told("mta-sts.minamo.example", "CNAME") == [
        "mta-sts.minamo.example. 60 IN CNAME guardian.minamo.example."
    ]


def test_names_that_lead_in_a_circle_end() -> None:
    assert len(told("round.minamo.example", "A")) == 2


def test_a_name_that_leads_nowhere_says_so() -> None:
    assert ask("lost.minamo.example", "A").rcode() == dns.rcode.NXDOMAIN


def test_the_command_that_the_town_prints_sends_from_where_the_carrier_may() -> None:
    words = town._swaks(8425, "k7mnp4qr").split()
    domain = words[words.index("--from") + 1].partition("@")[2]
    interface = words[words.index("--local-interface") + 1]
    assert f'{domain}. IN TXT "v=spf1 ip4:{interface} -all"' in carriers_zone(BRANDS)
