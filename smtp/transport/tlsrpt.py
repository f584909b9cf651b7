"""Who wants to be told how TLS fared, and what it is told (RFC 8460).

Owns the grammar of the TXT record at `_smtp._tls`, the report's JSON and the mail that carries it. Refuses
DNS, sending and clocks. A record that does not hold to the grammar is none.
"""

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from smtp.transport.tally import DAY_S, Counted

MEDIA_TYPE = "application/tlsrpt+gzip"
_URI = re.compile(r"(?:mailto:|https://)[!-~]+")  # nothing that could end a line of a request
_RECORD = re.compile(r"v=TLSRPTv1 *;.*")
_DESTINATIONS_MAX = 3
_DETAILS_MAX = 500


def destinations(texts: Iterable[str]) -> tuple[str, ...]:
    """The `mailto:` and `https:` URIs of the one record; none where there is not exactly one (RFC 8460 3)."""
    records = [text for text in texts if _RECORD.fullmatch(text)]
    if len(records) != 1:
        return ()
    for field in records[0].split(";")[1:]:
        name, _, value = field.strip(" \t").partition("=")
        if name.rstrip() == "rua":
            uris = (uri.strip() for uri in value.split(","))
            return tuple(uri for uri in uris if _URI.fullmatch(uri))[:_DESTINATIONS_MAX]
    return ()


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports: us."""

    name: str
    hostname: str
    contact: str
    ip: str = ""
    """The address we send from, where the configuration says it."""


@dataclass(frozen=True, slots=True)
class Report:
    """One day of one domain. `counted` is what `smtp.transport.tally.read` found of it."""

    day: int
    domain: str
    counted: Mapping[Counted, int]
    submitter: Submitter

    @property
    def begins_at(self) -> datetime:
        return datetime.fromtimestamp(self.day * DAY_S, UTC)

    @property
    def id(self) -> str:
        """The same however often it is sent."""
        return f"{self.begins_at:%Y-%m-%d}.{self.domain}@{self.submitter.hostname}"

    @property
    def filename(self) -> str:
        """RFC 8460 5.1."""
        first = self.day * DAY_S
        return f"{self.submitter.hostname}!{self.domain}!{first}!{first + DAY_S - 1}!1.json.gz"

    def content(self) -> dict[str, object]:
        """The JSON object of RFC 8460 4.4."""
        ends_at = self.begins_at + timedelta(seconds=DAY_S - 1)
        return {
            "organization-name": self.submitter.name,
            "date-range": {"start-datetime": _written(self.begins_at), "end-datetime": _written(ends_at)},
            "contact-info": self.submitter.contact,
            "report-id": self.id,
            "policies": [self._policy(key) for key in self._policies()],
        }

    def compressed(self) -> bytes:
        """As it is sent."""
        return gzip.compress(json.dumps(self.content()).encode(), mtime=0)

    def mail(self, from_address: str, to: str, now: datetime) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the mail (RFC 8460 5.3); to be signed. `TLS-Required: No` (RFC 8689 5).

        The report must get through where TLS is what does not work.
        """
        boundary = "tlsrpt-" + self.begins_at.strftime("%Y%m%d")
        hostname = self.submitter.hostname
        headers = {
            "From": f"<{from_address}>",
            "To": f"<{to}>",
            "Subject": f"Report Domain: {self.domain}\r\n Submitter: {hostname}\r\n Report-ID: <{self.id}>",
            "Date": format_datetime(now),
            "Message-ID": f"<{self.id}>",
            "Auto-Submitted": "auto-generated",
            "TLS-Report-Domain": self.domain,
            "TLS-Report-Submitter": hostname,
            "TLS-Required": "No",
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/report; report-type="tlsrpt";\r\n boundary="{boundary}"',
        }
        attachment = base64.encodebytes(self.compressed()).decode().replace("\n", "\r\n")
        lines = (
            f"--{boundary}",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            f"This is an aggregate TLS report from {hostname}",
            f"about {self.domain} for {self.begins_at:%Y-%m-%d} (UTC).",
            f"--{boundary}",
            f"Content-Type: {MEDIA_TYPE}",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment;",
            f' filename="{self.filename}"',
            "",
            f"{attachment}--{boundary}--",
            "",
        )
        return [(name.encode(), value.encode()) for name, value in headers.items()], "\r\n".join(
            lines
        ).encode()

    def _policies(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return sorted({(key.kind, key.text, key.mx_patterns) for key in self.counted})

    def _policy(self, policy: tuple[str, tuple[str, ...], tuple[str, ...]]) -> dict[str, object]:
        kind, text, patterns = policy
        described: dict[str, object] = {"policy-type": kind, "policy-domain": self.domain}
        if text:
            described["policy-string"] = list(text)
        if patterns:
            described["mx-host"] = list(patterns)
        counts = Counter({key: n for key, n in self.counted.items() if key[2:5] == policy})
        failures = Counter({key: n for key, n in counts.items() if key.failure})
        return {
            "policy": described,
            "summary": {
                "total-successful-session-count": counts.total() - failures.total(),
                "total-failure-session-count": failures.total(),
            },
            "failure-details": [self._detail(key, n) for key, n in failures.most_common(_DETAILS_MAX)],
        }

    def _detail(self, key: Counted, count: int) -> dict[str, object]:
        told = {
            "result-type": key.failure,
            "sending-mta-ip": self.submitter.ip,
            "receiving-mx-hostname": key.host,
            "receiving-ip": key.ip,
        }
        return {**{name: value for name, value in told.items() if value}, "failed-session-count": count}


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
