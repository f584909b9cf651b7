"""The ward and the sites, as in tests/web/staff."""

from tests.web.staff.conftest import admin, database_url, sender, ward

__all__ = ["admin", "database_url", "sender", "ward"]
