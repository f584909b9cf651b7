"""Who judges our mail: programs that are not ours, and the grammar of the standards."""

import email
import email.header
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from appliance.config import Config, Zone
from appliance.keys import signing
from appliance.keystore import open_keyring
from tests.support import dkim_judges
from tests.support.programs import why_no_mailauth, why_no_opendkim
from tests.support.receiver import Mail

_LONGEST = 998  # RFC 5322 2.1.1
_LONGEST_WITH_WORDS = 76  # RFC 2047 2
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")


def parsed(mail: Mail) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(mail.content, policy=email.policy.default))


class Judges:
    """For the mail of one installation, whose public keys they are handed as DNS would."""

    def __init__(self, config: Config, folder: Path) -> None:
        self._domain = config.mail.from_domain
        keys = signing.active(open_keyring(config, Zone.MAIL).signing_keys())
        self._published = dkim_judges.records(self._domain, keys)
        self._folder = folder

    def check(self, mail: Mail) -> None:
        """Signatures, form and headers of one mail as it stood on the wire."""
        content, expected = mail.content, len(self._published)
        assert dkim_judges.signatures(content) == expected
        assert dkim_judges.dkimpy(content, self._published) == expected, "dkimpy"
        if not why_no_opendkim():
            assert dkim_judges.opendkim(content, self._published, self._folder) == expected, "OpenDKIM"
        if not why_no_mailauth():
            assert dkim_judges.mailauth_passes(content, self._published, self._folder) == expected, "mailauth"
        self.form(mail)
        self.headers(mail)

    def signed(self, mail: Mail) -> bool:
        """Whether every signature that we publish a key for holds, by dkimpy."""
        return dkim_judges.dkimpy(mail.content, self._published) == len(self._published)

    def form(self, mail: Mail) -> None:
        """RFC 5322 and RFC 2047: lines, their ends, their lengths."""
        assert mail.content.count(b"\r") == mail.content.count(b"\n") == mail.content.count(b"\r\n")
        assert mail.content.isascii()
        lines = mail.content.split(b"\r\n")
        assert max(map(len, lines)) <= _LONGEST
        assert max([len(line) for line in lines if b"=?" in line], default=0) <= _LONGEST_WITH_WORDS
        assert b"" not in lines[: lines.index(b"")]

    def headers(self, mail: Mail) -> None:
        """What every mail of ours must have, once, and to whom it is addressed."""
        message = parsed(mail)
        for name in _ONCE:
            assert len(message.get_all(name, [])) == 1, name
        assert [str(to.addr_spec) for to in message["To"].addresses] == [mail.to]
        assert message["From"].addresses[0].addr_spec.partition("@")[2] == self._domain
        assert re.fullmatch(rf"<b[a-z2-7]{{32}}@{re.escape(self._domain)}>", str(message["Message-ID"]))
        assert abs(datetime.now(UTC) - message["Date"].datetime) < timedelta(minutes=2)
        assert mail.sender.partition("@")[0] == str(message["Message-ID"])[1:].partition("@")[0]
        assert message["Auto-Submitted"] in ("auto-replied", "auto-generated")
        assert not message.defects
