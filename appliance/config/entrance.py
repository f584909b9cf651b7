"""The settings of who gets in: second factors, devices, networks.

Owns these two tables of the file. Refuses to read files, and to decide by them (`appliance.admission` and
`appliance.account` do). Fails as `schema` does.
"""

from typing import Literal

from pydantic import Field

from appliance.config.kinds import NetworkText, Section


class Factors(Section):
    """The second factor of accounts."""

    required_for: list[Literal["ward_officer", "principal", "staff", "operator", "auditor"]] = Field(
        ["ward_officer", "operator"],
        description="Roles that log in with a second factor; the others may. A registered device always "
        "demands its own passkey.",
    )
    confirm_minutes: int = Field(
        15,
        ge=1,
        le=120,
        description="Before a mail to a whole school, the call sheet or a removal, who proved so long ago "
        "who is there proves it again.",
    )


class Devices(Section):
    """Which devices lead to which site (R09, R10, R18)."""

    required: bool = Field(
        True,
        description="The administration site admits school devices in a school's or the ward's network only, "
        "the send-only site registered devices only. false admits everybody who can log in: for a demo.",
    )
    ward_networks: list[NetworkText] = Field([], description="Networks of the ward's offices.")
    school_networks: dict[int, list[NetworkText]] = Field(
        {}, description='Networks of schools, by the school\'s number: `1 = ["198.51.100.0/24"]`.'
    )
    code_minutes: int = Field(15, ge=1, le=1440, description="Life of the code with which a device enrols.")
    minimum_os: dict[Literal["ios", "android", "windows", "macos", "chromeos"], int] = Field(
        {}, description="Oldest version of an operating system that is not told to update: `ios = 17`."
    )
    synced_passkeys: bool = Field(
        True,
        description="Registered devices may hold their key in a passkey that its maker syncs between one "
        "person's devices, as every iPhone does. false admits only keys that never leave the device.",
    )
