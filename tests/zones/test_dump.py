"""A process of a site, taken apart: environment, command line, configuration, credentials, files, memory.

The site is a real gunicorn on a real PostgreSQL, as a node starts it, and somebody has just logged in and
looked around. Every key that is found is tried against every sealed value and every wrapped key.
"""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from appliance import keystore
from appliance.config import Config, Zone
from appliance.errors import KeyRefused
from appliance.keys import Keyring, Purpose, Slot
from tests.support.settings import settings
from tests.support.sites import RunningSite, Visit
from tests.support.waiting import free_ports
from tests.web.staff.ward import PASSWORD, Ward

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=")
_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SEALED = (
    (Purpose.NAMES, "child", "name_sealed"),
    (Purpose.NAMES, "registration", "guardian_name_sealed"),
    (Purpose.ADDRESSES, "address", "sealed"),
)
PERSONAL = ("山田 雪", "佐藤 健", "佐藤 恵", "鈴木 翼", "加藤 結", "taro..y@docomo.ne.jp", "kato@icloud.com")


@pytest.fixture
def config(database_url: str, tmp_path: Path, secrets: Path) -> Config:
    ports = dict(zip(("guardian_port", "sender_port", "admin_port"), free_ports(3), strict=True))
    return settings(tmp_path, database_url, secrets=secrets, **ports)


@pytest.fixture(params=[Zone.SENDER, Zone.GUARDIAN])
def site(request: pytest.FixtureRequest, ward: Ward, tmp_path: Path) -> Iterator[RunningSite]:
    with RunningSite(tmp_path, ward.config, request.param) as running:
        visit = Visit(running)
        if running.zone is Zone.SENDER:
            visit.login("kocho", PASSWORD)
            for path in ("/", f"/schools/{ward.school.id}/broadcasts"):
                assert visit.open(path)[0] == 200
        else:
            assert visit.open("/r/" + "a" * 26)[0] == 404  # it has asked the database
        yield running


def readable_files(site: RunningSite) -> Iterator[tuple[str, bytes]]:
    """Everything that lies open to the process, by name."""
    for pid in site.processes():
        proc = Path(f"/proc/{pid}")
        for name in ("environ", "cmdline"):
            yield f"{proc}/{name}", (proc / name).read_bytes()
        for descriptor in (proc / "fd").iterdir():
            try:
                target = Path(os.readlink(descriptor))
            except OSError:
                continue
            if target.is_file():
                yield str(target), target.read_bytes()
    yield "karamail.toml", (site.folder / "karamail.toml").read_bytes()
    for path in site.credentials.iterdir():
        yield str(path), path.read_bytes()


def memory(pid: int) -> Iterator[bytes]:
    """The writable mappings of a process."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as content:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            content.seek(start)
            try:
                yield content.read(end - start)
            except OSError:
                continue


def keys_in(contents: bytes) -> set[bytes]:
    """Whatever could be a key of 32 bytes."""
    found = {contents.strip()} if len(contents.strip()) == 32 else set()
    found |= {b64decode(text) for text in _BASE64.findall(contents)}
    return found | {bytes.fromhex(text.decode()) for text in _HEX.findall(contents)}


def sealed_values(config: Config) -> list[tuple[Slot, bytes]]:
    with psycopg.connect(config.database.url) as owner:
        return [
            (Slot(purpose, table, column, school_id, row_id), bytes(sealed))
            for purpose, table, column in _SEALED
            for row_id, school_id, sealed in owner.execute(
                f"SELECT id, school_id, {column} FROM {table} WHERE {column} IS NOT NULL"
            )
        ]


def opened(config: Config, keys: set[bytes], values: list[tuple[Slot, bytes]], folder: Path) -> list[Slot]:
    """The values that one of the keys opens, as the key of whichever zone, with all wrapped keys at hand."""
    found = []
    for number, key in enumerate(sorted(keys)):
        for zone in (Zone.ADMIN, Zone.MAIL):
            place = folder / f"{number}-{zone}"
            place.mkdir(parents=True)
            for name in (config.secrets_dir / zone.value).iterdir():
                (place / name.name).write_bytes(name.read_bytes())
            (place / "zone.key").write_bytes(b64encode(key))
            keyring = Keyring(zone, place, keystore.DatabaseKeyStore())
            for slot, sealed in values:
                try:
                    keyring.open(slot, sealed)
                except KeyRefused:
                    continue
                found.append(slot)
    return found


def test_a_dump_of_the_process_opens_nothing(site: RunningSite, ward: Ward, tmp_path: Path) -> None:
    keys: set[bytes] = set()
    for _name, contents in readable_files(site):
        keys |= keys_in(contents)
    assert len(keys) >= 3  # its own index key, cookie key and database password at least: it was a real dump
    values = sealed_values(ward.config)
    assert len(values) == 14
    assert opened(ward.config, keys, values, tmp_path / "tried") == []


def test_the_same_search_opens_all_with_the_key_of_the_administration_site(
    ward: Ward, tmp_path: Path
) -> None:
    """So that the test before says something."""
    key = keys_in((ward.config.secrets_dir / "admin" / "zone.key").read_bytes())
    values = sealed_values(ward.config)
    assert len(opened(ward.config, key, values, tmp_path / "tried")) == len(values)


def test_its_connections_are_its_own_roles(site: RunningSite, ward: Ward) -> None:
    with psycopg.connect(ward.config.database.url) as owner:
        rows = owner.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND usename LIKE 'karamail\\_%'"
        ).fetchall()
    assert rows == [(f"karamail_{site.zone.value}",)]


def test_its_memory_holds_no_registrant_and_no_secret_of_another_zone(site: RunningSite, ward: Ward) -> None:
    forbidden = [text.encode() for text in PERSONAL]
    own = {path.read_bytes() for path in site.credentials.iterdir()}
    for zone in Zone:
        for path in (ward.config.secrets_dir / zone.value).iterdir():
            contents = path.read_bytes()
            if contents not in own and path.name != "dkim.json":
                forbidden += [contents.strip(), b64decode(contents)]
    master, *workers = site.processes()
    for pid in (master, *workers):
        held = b"\0".join(memory(pid))
        assert len(held) > 1_000_000
        assert [text for text in forbidden if text in held] == []


def test_nothing_it_logged_is_personal(site: RunningSite) -> None:
    visit = Visit(site)
    visit.open("/r/geheimes-token-0123456789?name=hanako")
    written = site.log.read_text()
    assert "web.request" in written
    for text in (*PERSONAL, "geheimes-token", "hanako", "/r/", PASSWORD, "kocho"):
        assert text not in written
