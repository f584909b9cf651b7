"""Both staff sites over one ward."""

import pytest
from flask import Flask

from appliance.config import Config
from tests.web.staff.ward import Clerk, Ward, standing
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender


@pytest.fixture
def database_url(furnished_url: str) -> str:
    """The pages need one engine; the flows behind them run on both in tests/flows."""
    return furnished_url


@pytest.fixture
def ward(database: Config) -> Ward:
    return standing(database)


@pytest.fixture
def admin(ward: Ward) -> Flask:
    return create_admin(ward.config)


@pytest.fixture
def sender(ward: Ward) -> Flask:
    return create_sender(ward.config)


@pytest.fixture(params=["admin", "sender"])
def app(request: pytest.FixtureRequest) -> Flask:
    """The test runs once on each site."""
    found: Flask = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def clerk(app: Flask) -> Clerk:
    """Somebody in front of the site who has not logged in."""
    return Clerk(app)
