"""One mail from a node that was just upgraded: it arrives signed, or the installer reads how far it came."""

import email
import email.policy

import pytest

from appliance.config import Config
from appliance.errors import OperatorError
from appliance.keys import signing
from smtp import canary
from tests.support import dkim_judges
from tests.transport.town import HOST, IP, Town


def mailing(config: Config, to: str | None = "tantou@city.example") -> Config:
    return config.model_copy(update={"faults": config.faults.model_copy(update={"mail_to": to})})


async def test_the_operators_have_it_encrypted_and_signed(town: Town) -> None:
    async with town:
        await town.web()
        host = await town.host(IP, town.ca.issue_cert(HOST))
        outcome = await canary.send(mailing(town.config), town.keyring)
        assert outcome.code == 250
        assert host.mails == ["encrypted"]
        (octets,) = host.contents
        keys = signing.active(town.keyring.signing_keys())
        published = dkim_judges.records(town.config.mail.from_domain, keys)
        assert dkim_judges.dkimpy(octets, published) == len(published) > 0
        mail = email.message_from_bytes(octets, policy=email.policy.default)
        assert mail["To"] == "tantou@city.example"
        assert mail["Subject"].endswith("sends mail")


async def test_nobody_is_at_home(town: Town) -> None:
    async with town:
        await town.web()
        with pytest.raises(OperatorError, match="the receiver cannot be reached"):
            await canary.send(mailing(town.config), town.keyring)


async def test_there_is_no_such_domain(town: Town) -> None:
    async with town:
        with pytest.raises(OperatorError, match="no way to the receiver"):
            await canary.send(mailing(town.config, "tantou@nowhere.example"), town.keyring)


async def test_nobody_was_named(town: Town) -> None:
    async with town:
        with pytest.raises(OperatorError, match="nobody to send it to"):
            await canary.send(mailing(town.config, None), town.keyring)
