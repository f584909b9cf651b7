"""People who log in in two steps, for the flows of factors and devices."""

from appliance import account, clock, keystore
from appliance.account import Halfway, one_time, passkey, second_step
from appliance.account.second_step import Added, Proof
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.keys import Keyring
from appliance.models import Account, Device
from tests.flows.ward import Ward
from tests.support.authenticator import Authenticator

PASSWORD = "ajisai-no-saku-michi-7"
OFFICE = "192.0.2.7"


def changed(config: Config, section: str, **values: object) -> Config:
    """The configuration with some settings of one section otherwise."""
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


def person(ward: Ward, login_id: str = "sensei", role: Role = Role.STAFF) -> Account:
    """A member of staff with an account."""
    return account.add(
        ward.config, login_id=login_id, role=role, display_name=login_id,
        school_ids=[] if role is Role.WARD_OFFICER else [ward.school.id], password=PASSWORD, now=clock.now(),
    )  # fmt: skip


def login(
    config: Config, login_id: str = "sensei", zone: Zone = Zone.ADMIN, device: Device | None = None
) -> tuple[str, Actor | Halfway]:
    return account.login(
        config, zone, login_id, PASSWORD, network=OFFICE, now=clock.now(), device=device, agent="Chrome"
    )


def inside(config: Config, login_id: str = "sensei", zone: Zone = Zone.ADMIN) -> Actor:
    """Somebody who needs no second step."""
    _, who = login(config, login_id, zone)
    assert isinstance(who, Actor)
    return who


def between(config: Config, login_id: str = "sensei", zone: Zone = Zone.ADMIN) -> Halfway:
    """Somebody whose second step is still to come."""
    _, who = login(config, login_id, zone)
    assert isinstance(who, Halfway)
    return who


def keyring(config: Config, zone: Zone = Zone.ADMIN) -> Keyring:
    return keystore.open_keyring(config, zone)


def key_of(config: Config, who: Actor | Halfway, **kind: bool) -> Authenticator:
    return Authenticator(config.site(who.zone).origin, **kind)


def add_key(config: Config, who: Actor | Halfway, key: Authenticator | None = None) -> Authenticator:
    """The person adds a passkey."""
    key = key or key_of(config, who)
    answer = key.create(passkey.ask_new(config, who, clock.now()))
    second_step.add(config, who, lambda: passkey.add(config, who, "key", answer, clock.now()), clock.now())
    return key


def add_app(config: Config, who: Actor | Halfway, secret: str, code: str) -> Added:
    """The person adds an authenticator app."""
    ring = keyring(config, who.zone)
    return second_step.add(
        config, who, lambda: one_time.add(ring, who, "app", secret, code, clock.now()), clock.now()
    )


def enter(config: Config, who: Halfway, way: str, text: str) -> tuple[str, Actor]:
    return second_step.enter(config, keyring(config, who.zone), who, Proof(way, text), clock.now())
