"""Who judges our mail: programs that are not ours, and the grammar of the standards."""

import email
import email.header
import email.policy
import re
import subprocess
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import dkim

from appliance.config import Config, Zone
from appliance.keystore import open_keyring
from smtp.dkim import Signer
from tests.support.programs import why_no_opendkim
from tests.support.receiver import Mail

_LONGEST = 998  # RFC 5322 2.1.1
_LONGEST_WITH_WORDS = 76  # RFC 2047 2
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")


def parsed(mail: Mail) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(mail.content, policy=email.policy.default))


class Judges:
    """For the mail of one installation, whose public key they are handed as DNS would."""

    def __init__(self, config: Config, folder: Path) -> None:
        pem = open_keyring(config, Zone.MAIL).pem("dkim.pem")
        self._domain = config.mail.from_address.partition("@")[2]
        self._name = f"{config.mail.dkim_selector}._domainkey.{self._domain}"
        self.record = Signer(self._domain, config.mail.dkim_selector, pem).public_record()
        self._folder = folder
        (folder / "judge.keys").write_text(f"{self._name} {self.record}\n")
        (folder / "judge.conf").write_text(
            f"Mode v\nTestPublicKeys {folder}/judge.keys\nOn-BadSignature reject\nOn-NoSignature reject\n"
        )

    def check(self, mail: Mail) -> None:
        """Signature, form and headers of one mail as it stood on the wire."""
        assert self.dkimpy(mail), "dkimpy"
        assert why_no_opendkim() or self.opendkim(mail), "OpenDKIM"
        self.form(mail)
        self.headers(mail)

    def dkimpy(self, mail: Mail) -> bool:
        def lookup(name: bytes, timeout: int = 5) -> bytes:
            assert name.decode().rstrip(".") == self._name
            return self.record.encode()

        return bool(dkim.verify(mail.content, dnsfunc=lookup))

    def opendkim(self, mail: Mail) -> bool:
        path = self._folder / "judged.eml"
        path.write_bytes(mail.content)
        command = ["/usr/sbin/opendkim", "-f", "-vv", "-x", self._folder / "judge.conf", "-t", path]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
        return "succeeded" in said

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
