"""A school with two grades, and guardians whose empty mail has arrived."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance import address, clock, keystore, registration, token
from appliance.config import Config, Zone
from appliance.directory import schools
from appliance.models import School, SchoolClass, SecurityCode
from appliance.registration.request import link_token
from tests.web.common.visitor import visit
from web.guardian.app import create_app
from web.guardian.proof import LinkProof


@pytest.fixture
def database_url(url_with_roles: str) -> str:
    """The pages need one engine; the flows behind them run on both in tests/flows."""
    return url_with_roles


@dataclass(frozen=True)
class Ward:
    """What stands in the database before a guardian comes."""

    config: Config
    school: School
    classes: list[SchoolClass]
    other_school: School
    other_classes: list[SchoolClass]

    def invite(self, sender: str = "hanako.y@docomo.ne.jp") -> str:
        """An empty mail has arrived; the token of the link in its answer."""
        keyring = keystore.open_keyring(self.config, Zone.MAIL)
        code = SecurityCode.get(SecurityCode.school == self.school).code
        made = registration.request(
            keyring,
            local_part=code,
            sender=address.parse(sender),
            digest=os.urandom(32),
            now=clock.now(),
        )
        assert made.registration_id is not None
        return token.write(link_token(keyring, made.registration_id))


def furnish(config: Config) -> Ward:
    """Puts the ward into the connected database."""
    keystore.publish_zone_keys(config.secrets_dir)
    school = schools.add_school("elementary", "みどり第一小学校", "Midori Daiichi Elementary School")
    classes = schools.add_classes(school, [("1年", "1組"), ("1年", "2組"), ("2年", "1組")])
    other = schools.add_school("kindergarten", "わかば幼稚園", "Wakaba Kindergarten")
    other_classes = schools.add_classes(other, [("年長", "ゆり組")])
    return Ward(config, school, classes, other, other_classes)


@pytest.fixture
def ward(database: Config) -> Ward:
    return furnish(database)


@pytest.fixture
def app(ward: Ward) -> Flask:
    return create_app(ward.config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that asks for the site by its name and refuses cookies."""
    return visit(app, cookies=False)


@pytest.fixture
def proof(app: Flask) -> Callable[[str], dict[str, str]]:
    """The hidden field that our own page would have put into the form of this link."""

    def field(link: str) -> dict[str, str]:
        with app.test_request_context(f"/r/{link}"):
            return {"csrf_token": LinkProof().issue()}

    return field
