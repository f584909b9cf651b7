"""The ward and the three sites, as in the tests beside this folder."""

import pytest
from flask import Flask

from tests.web.staff.conftest import admin, database_url, sender, ward
from tests.web.staff.ward import Ward
from web.guardian.app import create_app

__all__ = ["admin", "database_url", "sender", "ward"]


@pytest.fixture
def guardian(ward: Ward) -> Flask:
    return create_app(ward.config)
