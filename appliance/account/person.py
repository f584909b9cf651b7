"""Who proves something: an actor, or somebody between the two steps of a login.

Owns `Halfway` and what it has in common with `Actor`. Refuses to decide anything. Cannot fail.
"""

from dataclasses import dataclass, field
from typing import Protocol

from appliance.actor import Role
from appliance.config import Zone


class Person(Protocol):
    """What a factor is checked against. `device_id` is set on a registered device, where its key counts."""

    @property
    def account_id(self) -> int: ...
    @property
    def zone(self) -> Zone: ...
    @property
    def network(self) -> str: ...
    @property
    def session_id(self) -> int | None: ...
    @property
    def device_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Halfway:
    """Somebody whose password was right and whose second step is still to come. No `Actor`: may nothing."""

    account_id: int
    role: Role
    zone: Zone
    network: str
    session_id: int
    device_id: int | None = None
    display_name: str = field(default="", repr=False)
