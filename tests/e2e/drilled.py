"""A house whose receivers are the simulated carriers: a ward in small, counted on both sides."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.delivery import progress
from appliance.models import Broadcast
from appliance.states import DeliveryState
from demo import dns
from demo.carriers.__main__ import table
from demo.carriers.drill import Drill
from demo.people import guardian
from tests.e2e.house import House

WIDE = 8  # connections per carrier, where the carriers' limits are not the subject


class Ward:
    """The house, the carriers, and who lives there: the town's mix of carriers."""

    def __init__(self, house: House, drill: Drill, people: int) -> None:
        self.house = house
        self.drill = drill
        self.addresses = [
            f"hogosha{number}@{guardian(number + 1).address.domain}" for number in range(people)
        ]
        self.expected = drill.forecast(self.addresses)
        house.names.zone(dns.carriers_zone(drill.scenario.brands))
        house.canaries += [domain for brand in drill.scenario.brands for domain in brand.domains]

    def send(self, *, urgent: bool = True) -> Broadcast:
        school, self.principal = self.house.school(len(self.addresses), lambda number: self.addresses[number])
        return self.house.send(school, self.principal, urgent=urgent)

    def everybody_has_it_once(self, sent: Broadcast) -> None:
        """Nobody missing, nobody twice, and both sides' books agree. Prints them."""
        counts, mailboxes = self.drill.counts(), self.drill.mailboxes()
        states = progress(sent.id).by_state
        print(table(counts))
        print({state.value: count for state, count in states.items() if count})
        assert states[DeliveryState.ACCEPTED] == len(self.addresses)
        assert set(mailboxes) == set(self.addresses)
        assert Counter(mailboxes.values()) == {1: len(self.addresses)}
        assert counts["total"]["duplicates"] == 0
        assert self.house.uncertain() == set()

    def nobody_is_missing(self, sent: Broadcast) -> None:
        """Everybody has it; whoever has it twice is one of the deliveries that are listed as uncertain."""
        counts, mailboxes = self.drill.counts(), self.drill.mailboxes()
        print(table(counts), f"\nuncertain: {len(self.house.uncertain())}")
        assert progress(sent.id).by_state[DeliveryState.ACCEPTED] == len(self.addresses)
        assert set(mailboxes) == set(self.addresses)
        assert sum(mailboxes.values()) - len(mailboxes) == counts["total"]["duplicates"]
        assert counts["total"]["duplicates"] <= len(self.house.uncertain())


@contextmanager
def ward(
    folder: Path,
    url: str,
    scenario: str,
    people: int,
    *,
    workers: int = 1,
    wide: bool = True,
    **relay: object,
) -> Iterator[Ward]:
    """`scenario` is a name, or the text of one. `wide` lifts our own limits per carrier."""
    if "\n" in scenario:
        (folder / "scenario.toml").write_text(scenario)
        scenario = str(folder / "scenario.toml")
    with (
        House(folder / "house", url, workers=workers, **relay) as house,
        Drill(scenario, port=house.smtp_port, seconds=300) as drill,
    ):
        if wide:
            limits = f"connections = {WIDE}\nmessages_per_connection = 1000\n"
            carriers = (brand.key for brand in drill.scenario.brands)
            text = "".join(f"\n[relay.sites.{carrier}]\n{limits}" for carrier in carriers)
            house.file.write_text(house.file.read_text() + text)
        yield Ward(house, drill, people)
