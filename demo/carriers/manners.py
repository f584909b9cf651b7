"""How a carrier treats a sender: pace, limits, refusals, outages, as data.

Owns the settings that a scenario may change and their meaning. Refuses to know mailboxes' names and SMTP.
Fails, through pydantic, with one error per wrong key.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

RESET = "reset"  # instead of a reply: RST, as au does


def _refusal(text: str) -> str:
    lines = text.split("\r\n")
    if not all(re.fullmatch(r"[45][0-9]{2}[ -][\x20-\x7e]+", line) for line in lines) or lines[-1][3] != " ":
        raise ValueError('expected a 4xx or 5xx reply, for example "421 4.7.0 Try again later"')
    return text


def _refusal_or_reset(text: str) -> str:
    return text if text == RESET else _refusal(text)


def _none_or_refusal(text: str) -> str:
    return _refusal(text) if text else text


Reply = Annotated[str, AfterValidator(_none_or_refusal)]
ReplyOrReset = Annotated[str, AfterValidator(_refusal_or_reset)]
Share = Annotated[float, Field(ge=0, le=1)]


class Manners(BaseModel):
    """One carrier at one time. Shares are of all mailboxes; limits are per sender's network address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unknown: Share = Field(0, description="Mailboxes that do not exist.")
    filtered: Share = Field(0, description="Mailboxes whose owner's filter refuses us.")
    full: Share = Field(0, description="Mailboxes that are full.")

    latency_ms: tuple[float, float] = Field((0, 0), description="From a read to its reply: evenly between.")
    connections: int = Field(200, ge=0, description="At once; more are turned away with `too_many`.")
    too_many: ReplyOrReset = Field(
        "421 4.7.0 Too many connections from your address", description="Or `reset`."
    )
    messages_per_connection: int = Field(0, ge=0, description="Then 421 and closed; 0: no limit.")
    per_s: float = Field(0, ge=0, description="Messages a second; 0: no limit.")
    burst: int = Field(0, ge=0, description="So many may come at once; 0: as many as in a second.")
    too_fast: ReplyOrReset = Field(
        "421 4.7.0 Try again later", description="The answer above that; or `reset`."
    )
    unknown_limit: int = Field(0, ge=0, description="So many unknown users from one address, then blocked.")
    block_s: float = Field(0, ge=0, description="For so long after `too_fast` nothing is taken at all.")

    greylist_s: float = Field(0, ge=0, description="450 to a new (address, sender, recipient), so long.")
    defer: Reply = Field("", description="The reply to every RCPT; none when empty.")
    defer_dot: Reply = Field("", description="The reply to every final dot; none when empty.")
    down: bool = Field(False, description="Nobody listens.")
    silent: bool = Field(False, description="Connections are taken, nothing is ever said.")
    dns: Literal["", "silent", "failing"] = Field("", description="What its name server does instead.")

    pipelining: bool = Field(True, description="PIPELINING is offered.")
    size_limit: int = Field(10_000_000, gt=0, description="Octets of a message.")
    header_limit: int = Field(0, ge=0, description="Octets of a header; 0: no limit.")
    line_limit: int = Field(0, ge=0, description="Octets of a line with its end; 0: no limit.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.latency_ms[0] > self.latency_ms[1] or self.latency_ms[0] < 0:
            raise ValueError("latency_ms: expected [least, most]")
        if self.unknown + self.filtered + self.full > 1:
            raise ValueError("unknown, filtered, full: expected shares that make no more than 1")
        return self

    def with_changes(self, changes: dict[str, object]) -> "Manners":
        """The same but for these keys. Raises pydantic.ValidationError."""
        return Manners.model_validate(self.model_dump() | changes)
