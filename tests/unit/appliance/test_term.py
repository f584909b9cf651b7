"""When a password is due: the three terms of a school year, with notice before and grace after."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from appliance.account import term
from appliance.config import Config, load
from appliance.errors import ConfigInvalid
from tests.support.settings import settings, write_settings

JAPAN = timezone(timedelta(hours=9))


@pytest.fixture
def config(tmp_path: Path, secrets: Path) -> Config:
    return settings(tmp_path, "sqlite:///none.db", secrets=secrets)


def on(text: str) -> datetime:
    """A day's first minute in Japan."""
    return datetime.fromisoformat(text).replace(tzinfo=JAPAN).astimezone(UTC)


@pytest.mark.parametrize(
    ("changed", "today", "due"),
    [
        ("2026-04-10", "2026-05-20", None),
        ("2026-04-10", "2026-08-17", None),  # 15 days before the term
        ("2026-04-10", "2026-08-18", ("2026-09-15", False)),  # notice
        ("2026-04-10", "2026-09-14", ("2026-09-15", False)),  # grace
        ("2026-04-10", "2026-09-15", ("2026-09-15", True)),  # now it must
        ("2026-04-10", "2027-02-01", ("2027-01-22", True)),
        ("2026-08-18", "2026-09-20", None),  # changed in the notice days: it counts for the term
        ("2026-08-17", "2026-09-20", ("2026-09-15", True)),  # a day too early
        ("2026-09-03", "2026-12-24", None),
        ("2026-09-03", "2026-12-25", ("2027-01-22", False)),  # over New Year
        ("2027-01-10", "2027-04-01", ("2027-04-15", False)),
        ("2020-04-10", "2027-04-16", ("2027-04-15", True)),
    ],
)
def test_each_term_asks_for_a_new_password(
    config: Config, changed: str, today: str, due: tuple[str, bool] | None
) -> None:
    found = term.password_due(config, on(changed), on(today))
    assert (None if found is None else (found.deadline_at, found.overdue)) == (
        None if due is None else (on(due[0]), due[1])
    )
    assert term.overdue(config, on(changed), on(today)) == (due is not None and due[1])


@pytest.mark.parametrize(
    ("today", "year"), [("2027-03-31", 2026), ("2027-04-01", 2027), ("2027-12-31", 2027)]
)
def test_a_school_year_begins_in_april_in_japan(config: Config, today: str, year: int) -> None:
    assert term.school_year(config, on(today)) == year
    assert term.school_year(config, on(today) + timedelta(hours=23)) == year


@pytest.mark.parametrize("day", ["4-1", "02-30", "02-29", "13-01", "", "01-08-2026"])
def test_a_term_begins_on_a_day_that_every_year_has(tmp_path: Path, day: str) -> None:
    path = write_settings(tmp_path, "sqlite:///none.db")
    path.write_text(path.read_text("utf-8") + f'\n[account]\nterm_starts = ["{day}"]\n', "utf-8")
    with pytest.raises(ConfigInvalid, match="term_starts"):
        load(path)
