"""The settings of who gets in: passwords, second factors, devices, networks.

Owns these three tables of the file. Refuses to read files, and to decide by them (`appliance.admission` and
`appliance.account` do). Fails as `schema` does.
"""

from typing import Literal

from pydantic import Field

from appliance.config.kinds import MonthDay, NetworkText, Section

_LET_OTHERS_IN = ("ward_officer", "operator")


class Account(Section):
    session_idle_minutes: int = Field(30, ge=5, le=720, description="A session without a click ends.")
    session_hours: int = Field(10, ge=1, le=24, description="Longest session.")
    password_min_length: int = Field(12, ge=8, le=64, description="Characters of a password.")
    term_starts: list[MonthDay] = Field(
        ["04-01", "09-01", "01-08"],
        min_length=1,
        description="First days of the school terms, as MM-DD: a password changes every term (R16).",
    )
    password_notice_days: int = Field(
        14, ge=0, le=60, description="A change so long before a term counts for it, and is asked for."
    )
    password_grace_days: int = Field(
        14, ge=0, le=60, description="So long into a term the old password is enough; then it must change."
    )
    invitation_hours: int = Field(72, ge=1, le=336, description="Life of the link that sets a password.")
    failures_per_quarter_hour: int = Field(10, ge=3, description="Wrong passwords per account and network.")
    failures_per_account_per_quarter_hour: int = Field(
        30, ge=3, description="Wrong passwords per account from everywhere but its own known browsers."
    )
    failures_per_network_per_quarter_hour: int = Field(
        100,
        ge=3,
        description="Wrong passwords of one network for all accounts together; browsers in which the account "
        "has logged in before do not count. A whole ward may come from one address. As many wrong codes of "
        "devices, counted by themselves.",
    )


class Factors(Section):
    """The second factor of accounts."""

    required_for: list[Literal["ward_officer", "principal", "staff", "operator", "auditor"]] = Field(
        ["ward_officer", "operator"],
        description="Roles that log in with a second factor; the others may. Outside a demo these two always "
        "do. A registered device demands its own passkey besides.",
    )
    confirm_minutes: int = Field(
        15,
        ge=1,
        le=120,
        description="Before a mail to a whole school, the call sheet, an export, a removal or letting "
        "somebody in, who proved so long ago who is there proves it again.",
    )

    def too_weak(self) -> str | None:
        """What no ward may set: who lets others in has a second factor."""
        lacking = [role for role in _LET_OTHERS_IN if role not in self.required_for]
        if not lacking:
            return None
        return f"factors.required_for: expected {' and '.join(lacking)} in it; less only with demo = true"


class Devices(Section):
    """Which devices lead to which site (R09, R10, R18)."""

    required: bool = Field(
        True,
        description="The administration site admits school devices in a school's or the ward's network only, "
        "the send-only site registered devices only. false admits everybody who can log in, in a demo only.",
    )
    ward_networks: list[NetworkText] = Field([], description="Networks of the ward's offices.")
    school_networks: dict[int, list[NetworkText]] = Field(
        {}, description='Networks of schools, by the school\'s number: `1 = ["198.51.100.0/24"]`.'
    )
    code_minutes: int = Field(15, ge=1, le=1440, description="Life of the code with which a device enrols.")
    minimum_os: dict[Literal["ios", "android", "windows", "macos", "chromeos"], int] = Field(
        {}, description="Oldest version of an operating system that is not told to update: `ios = 17`."
    )
    notice_days: int = Field(
        30,
        ge=7,
        le=60,
        description="So long before the school year ends (31 March) people are asked whether a device stays; "
        "what is enrolled or kept from then on is good for the next year.",
    )
    grace_days: int = Field(
        14,
        ge=1,
        le=60,
        description="So long into April a device of the old year still opens its site: "
        "a storm knows no school year.",
    )
    synced_passkeys: bool = Field(
        True,
        description="Registered devices may hold their key in a passkey that its maker syncs between one "
        "person's devices, as every iPhone does. false admits only keys that never leave the device.",
    )

    def too_weak(self) -> str | None:
        """What no ward may set: only devices that it knows lead to names and to every family (R09, R10)."""
        return None if self.required else "devices.required: expected true; false only with demo = true"
