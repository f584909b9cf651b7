"""Which networks and devices lead to which site (R09, R10): the question before any login.

Owns the rule: the administration site for school devices in a school's or the ward's network, the send-only
site for registered devices. Refuses to know HTTP: a network is an address, a device a row. Answers the reason
why not, or None. `devices.required = false` switches it off, for a demo.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.models import Device


def why_not(config: Config, zone: Zone, network: str, device: Device | None) -> str | None:
    """Before the login: `network` (of no school and not the ward's), `device` (none that is known)."""
    if not config.devices.required:
        return None
    return network_why_not(config, zone, network) or ("device" if device is None else None)


def network_why_not(config: Config, zone: Zone, network: str) -> str | None:
    """The same for a device that is just being enrolled: the network alone."""
    if not config.devices.required or zone is not Zone.ADMIN:
        return None
    everywhere = [
        *config.devices.ward_networks,
        *(each for networks in config.devices.school_networks.values() for each in networks),
    ]
    return None if _inside(network, everywhere) else "network"


def enrol_why_not(config: Config, device: Device, network: str) -> str | None:
    """Where a school's device becomes known: `other_school`, unless in its school's network or the ward's."""
    if not config.devices.required or device.kind != "school" or device.school_id is None:
        return None
    own = [*config.devices.ward_networks, *config.devices.school_networks.get(device.school_id, [])]
    return None if _inside(network, own) else "other_school"


def actor_why_not(config: Config, actor: Actor) -> str | None:
    """After the login: `other_school`, where the network is neither the ward's nor of one's own school."""
    if not config.devices.required or actor.zone is not Zone.ADMIN:
        return None
    own = list(config.devices.ward_networks)
    for school_id, networks in config.devices.school_networks.items():
        if school_id in actor.school_ids and actor.role is not Role.WARD_OFFICER:
            own += networks
    return None if _inside(actor.network, own) else "other_school"


def _inside(network: str, networks: Iterable[str]) -> bool:
    try:
        address = ip_address(network)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(each) for each in networks)
