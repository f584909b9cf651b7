"""A migration only adds: the version before serves on with the new schema, and is the way back (R26).

What each migration does is read from PostgreSQL's own catalogue, table by table that was there before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playhouse.migrations import Runner

from appliance import db
from appliance.models.base import database as proxy
from tests.support.postgres import Cluster
from tests.support.settings import settings

pytestmark = pytest.mark.postgres

NAMES = sorted(path.stem for path in db.MIGRATIONS.glob("[0-9]*.py"))

_COLUMNS = """SELECT table_name, column_name, data_type, is_nullable = 'NO', column_default IS NOT NULL
    FROM information_schema.columns WHERE table_schema = 'public'"""
_RULES = """SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'p', 'x')
    UNION SELECT tablename, regexp_replace(indexdef, 'INDEX \\w+', 'INDEX') FROM pg_indexes
    WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'"""
_LIST = re.compile(r"ARRAY\[[^]]*\]")
_WORDS = re.compile(r"'([a-z_.]+)'")


@dataclass(frozen=True)
class Schema:
    """What stands in the way of a program that writes: columns it must fill, rules it must keep."""

    types: dict[tuple[str, str], str] = field(default_factory=dict)
    demanded: frozenset[tuple[str, str]] = frozenset()
    rules: frozenset[tuple[str, str]] = frozenset()

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.types}


def schema() -> Schema:
    columns = db.statement(_COLUMNS).fetchall()
    return Schema(
        types={(table, column): kind for table, column, kind, _, _ in columns},
        demanded=frozenset((row[0], row[1]) for row in columns if row[3] and not row[4]),
        rules=frozenset((table, text) for table, text in db.statement(_RULES).fetchall()),
    )  # fmt: skip


def taken_away(before: Schema, after: Schema) -> list[str]:
    """What the version before cannot live with."""
    gone = [f"{table}.{column}" for table, column in before.types if (table, column) not in after.types]
    other = [
        f"{table}.{column} is {after.types[table, column]}"
        for (table, column), kind in before.types.items()
        if after.types.get((table, column), kind) != kind
    ]
    demanded = [
        f"{table}.{column} has to be given"
        for table, column in after.demanded - before.demanded
        if table in before.tables
    ]
    return sorted(gone + other + demanded + narrower(before, after))


def narrower(before: Schema, after: Schema) -> list[str]:
    """Rules on what was there already that are new, and not an old one with more words."""
    found = []
    for table, text in after.rules - before.rules:
        of_before = [column for there, column in before.types if there == table]
        concerned = [
            column for there, column in after.types if there == table and re.search(rf"\b{column}\b", text)
        ]
        wider = any(there == table and _is_wider(text, old) for there, old in before.rules)
        if table in before.tables and set(concerned) <= set(of_before) and not wider:
            found.append(f"{table}: {text}")
    return found


def _is_wider(rule: str, old: str) -> bool:
    """Another list of words for the same, with all that were in it."""
    same = _LIST.sub("", old) == _LIST.sub("", rule)
    return same and set(_WORDS.findall(old)) <= set(_WORDS.findall(rule))


@pytest.fixture
def fresh(postgres: Cluster, tmp_path: Path) -> Iterator[Runner]:
    db.connect(settings(tmp_path, postgres.create(f"steps_{tmp_path.name.lower()}"[:60])))
    yield Runner(proxy.obj, str(db.MIGRATIONS))
    db.vanish()


def test_each_migration_leaves_the_version_before_all_that_it_needs(fresh: Runner) -> None:
    before, found = Schema(), {}
    for name in NAMES:
        fresh.up(name)
        after = schema()
        if not name.endswith(db.CONTRACT):
            found[name] = taken_away(before, after)
        before = after
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("DROP TABLE of_old", "of_old.id"),
        ("ALTER TABLE of_old DROP COLUMN word", "of_old.word"),
        ("ALTER TABLE of_old RENAME COLUMN word TO term", "of_old.word"),
        ("ALTER TABLE of_old ALTER COLUMN at TYPE TEXT", "of_old.at is text"),
        ("ALTER TABLE of_old ADD COLUMN more TEXT NOT NULL", "of_old.more has to be given"),
        ("ALTER TABLE of_old ALTER COLUMN word SET NOT NULL", "of_old.word has to be given"),
        ("ALTER TABLE of_old ALTER COLUMN at DROP DEFAULT", "of_old.at has to be given"),
        ("ALTER TABLE of_old ADD CHECK (at > 0)", "of_old: CHECK"),
        ("CREATE UNIQUE INDEX once ON of_old (word)", "of_old: CREATE UNIQUE INDEX"),
        ("ALTER TABLE of_old ADD CHECK (word IN ('a', 'c'))", "of_old: CHECK"),
    ],
)  # fmt: skip
def test_what_the_version_before_cannot_live_with_is_seen(fresh: Runner, step: str, told: str) -> None:
    assert any(each.startswith(told) for each in seen(step))


@pytest.mark.parametrize(
    "step",
    [
        "ALTER TABLE of_old ADD COLUMN more TEXT",
        "ALTER TABLE of_old ADD COLUMN more TEXT NOT NULL DEFAULT '' CHECK (more <> 'x')",
        "ALTER TABLE of_old ADD COLUMN more TEXT UNIQUE",
        "ALTER TABLE of_old ALTER COLUMN at DROP NOT NULL",
        "ALTER TABLE of_old DROP CONSTRAINT of_old_word_check, ADD CHECK (word IN ('a', 'b', 'c'))",
        "ALTER TABLE of_old DROP CONSTRAINT of_old_word_check",
        "CREATE TABLE of_new (id BIGINT PRIMARY KEY, word TEXT NOT NULL UNIQUE)",
        "CREATE INDEX quick ON of_old (word)",
    ],
)
def test_what_only_adds_is_none_of_it(fresh: Runner, step: str) -> None:
    assert seen(step) == []


def seen(step: str) -> list[str]:
    db.ddl(
        "CREATE TABLE of_old (id BIGINT, word TEXT CHECK (word IN ('a', 'b')), at BIGINT NOT NULL DEFAULT 0)"
    )
    before = schema()
    db.ddl(step)
    return taken_away(before, schema())
