"""The one configuration file: whoever mistypes it is told file, key and what was expected, all at once."""

from pathlib import Path

import pytest

from appliance import config
from appliance.config import Zone
from appliance.config.describe import settings as described
from appliance.errors import ConfigInvalid
from tests.support.settings import on_a_node, write_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good file, of the demo."""
    return write_settings(tmp_path, "sqlite:///karamail.db")


def change(path: Path, before: str, after: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigInvalid) as refused:
        config.load(path)
    return str(refused.value)


def test_a_good_file_is_taken_and_its_paths_are_its_own(path: Path) -> None:
    loaded = config.load(path)
    assert loaded.secrets_dir == path.parent / "secrets"
    assert loaded.relay.spool_dir == path.parent / "spool"
    assert loaded.database.url == f"sqlite:///{path.parent}/karamail.db"


def test_an_absolute_path_stays_where_it_is(path: Path) -> None:
    change(path, 'secrets_dir = "secrets"', 'secrets_dir = "/etc/karamail/secrets"')
    change(path, "sqlite:///karamail.db", "sqlite:////var/lib/karamail/karamail.db")
    loaded = config.load(path)
    assert loaded.secrets_dir == Path("/etc/karamail/secrets")
    assert loaded.database.url == "sqlite:////var/lib/karamail/karamail.db"


@pytest.mark.parametrize(
    ("before", "after", "key", "expectation"),
    [
        ("workers = 1\n\n[relay]", "wokers = 1\n\n[relay]", "mail.wokers", "unknown key. Expected one of"),
        ("demo = true", "dmeo = true", "dmeo", "unknown key. Expected one of"),
        ("[ward]", "[wards]\nx = 1\n[ward]", "wards", "unknown key. Expected one of"),
        ('name = "みどり区"\n', "", "ward.name", "missing. It has no default"),
        ('name = "みどり区"\n', 'name = ""\n', "ward.name", "at least 1 character"),
        (
            'name = "みどり区"\n',
            'name = "みどり区\\r\\nBcc: x"\n',
            "ward.name",
            "expected one printable line",
        ),
        (
            'name_en = "Midori Ward"',
            'name_en = "Midori Ward"\ninquiry = "a\\nb"',
            "ward.inquiry",
            "one printable line",
        ),
        ("smtp_port = 2526", 'smtp_port = "many"', "relay.smtp_port", "valid integer"),
        ("smtp_port = 2526", "smtp_port = 70000", "relay.smtp_port", "less than or equal to 65535"),
        ("connect_timeout_s = 3", "connect_timeout_s = -3", "relay.connect_timeout_s", "greater than 0"),
        (
            "allow_private_targets = true",
            'allow_private_targets = "perhaps"',
            "relay.allow_private_targets",
            "valid boolean",
        ),
        ('listen = ["127.0.0.1:2525"]', 'listen = ["2525"]', "mail.listen.0", "expected host:port"),
        ('listen = ["127.0.0.1:2525"]', 'listen = "127.0.0.1:2525"', "mail.listen", "valid list"),
        (
            'hostname = "mx.midori.example"',
            'hostname = "MX Midori"',
            "mail.hostname",
            "expected a lower-case host",
        ),
        ("school@mail.midori.example", "school", "mail.from_address", "expected one mail address"),
        (
            'bounce_domain = "bounce.midori.example"',
            'bounce_domain = "bounce.vendor.example"',
            "mail",
            "different organizations",
        ),
        (
            "school@mail.midori.example",
            "a@x.jp\\r\\nBcc: b@x.jp",
            "mail.from_address",
            "expected one mail address",
        ),
        (
            'name_en = "Midori Ward"',
            'name_en = "Midori Ward"\ntimezone = "Asia/Tokio"',
            "ward.timezone",
            "expected an IANA time zone",
        ),
        ("sqlite:///karamail.db", "mysql://x/y", "database", "expected sqlite:///path or postgresql://"),
        (
            "http://guardian.midori.example",
            "guardian.midori.example",
            "guardian.origin",
            "scheme and host only",
        ),
        (
            "http://guardian.midori.example",
            "http://guardian.midori.example/form",
            "guardian.origin",
            "scheme and host",
        ),
        (
            "http://guardian.midori.example",
            "http://a:b@guardian.midori.example",
            "guardian.origin",
            "scheme and host",
        ),
        (
            "http://guardian.midori.example",
            "http://guardian.midori.example#x",
            "guardian.origin",
            "scheme and host",
        ),
        (
            "http://guardian.midori.example",
            "http://guardian.midori.example:x",
            "guardian.origin",
            "scheme and host",
        ),
        ("http://sender.midori.example", "http://admin.midori.example", "", "three different host names"),
        (
            "workers = 1\n\n[relay]",
            'workers = 1\ntls_cert = "a.pem"\n\n[relay]',
            "mail",
            "expected both or neither",
        ),
        (
            "[guardian]",
            "[relay.sites.docomo]\nconections = 4\n\n[guardian]",
            "relay.sites.docomo.conections",
            "unknown key",
        ),
    ],
)
def test_a_fault_names_file_key_and_expectation(
    path: Path, before: str, after: str, key: str, expectation: str
) -> None:
    told = refusal(change(path, before, after))
    assert told.startswith(f"{path}: {key}")
    assert expectation in told
    assert "pydantic" not in told


def test_all_faults_are_told_at_once(path: Path) -> None:
    change(path, "smtp_port = 2526", "smtp_port = 70000")
    change(path, "workers = 1\n\n[relay]", "wokers = 1\n\n[relay]")
    assert len(refusal(path).splitlines()) == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://karamail:kanariya@db/karamail",
        "postgresql://karamail:kana@riya@db1,db2/karamail",
        "postgresql://karamail@db/karamail?password=kanariya",
        "postgresql://karamail@db/karamail?sslmode=require&password=kanariya",
        "postgresql://karamail@db/karamail?sslmode=require&PASSWORD=kanariya",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(path: Path, url: str) -> None:
    told = refusal(change(path, "sqlite:///karamail.db", url))
    assert "put it into password_file" in told
    assert "kana" not in told


def test_several_hosts_with_ports_are_no_password(path: Path) -> None:
    url = "postgresql://karamail@db1:5432,db2:5432,[2001:db8::1]:5432/karamail?sslmode=verify-full"
    assert config.load(change(path, "sqlite:///karamail.db", url)).database.url == url


@pytest.mark.parametrize(
    ("ours", "demo", "told"),
    [
        ('"https://guardian', '"http://guardian', "guardian.origin: expected https://"),
        ('"https://sender', '"http://sender', "sender.origin: expected https://"),
        ('"https://admin', '"http://admin', "admin.origin: expected https://"),
        ("[factors]\n", "[devices]\nrequired = false\n[factors]\n", "devices.required: expected true"),
        (
            "[factors]\n",
            '[factors]\nrequired_for = ["principal", "operator"]\n',
            "expected ward_officer in it",
        ),
        ("[factors]\n", "[factors]\nrequired_for = []\n", "expected ward_officer and operator in it"),
    ],
)
def test_what_only_a_demo_may_leave_out(path: Path, ours: str, demo: str, told: str) -> None:
    """Whoever copies the town's settings to a node, or gives in to somebody in a hurry."""
    assert config.load(on_a_node(path)).demo is False
    change(path, ours, demo)
    assert told in refusal(path)
    path.write_text("demo = true\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert config.load(path).demo is True


def test_what_only_a_demo_may_leave_out_is_told_at_once(path: Path) -> None:
    told = refusal(change(path, "demo = true", "demo = false"))
    assert told.count("only with demo = true") == 5


@pytest.mark.parametrize(
    ("content", "expectation"),
    [
        (b"demo = ", "not TOML"),
        (b"\xff\xfe", "Expected UTF-8 TOML"),
        (b"", "missing"),
        (b"a = 1\na = 2", "not TOML"),
    ],
)
def test_a_file_that_is_no_configuration_says_so(path: Path, content: bytes, expectation: str) -> None:
    path.write_bytes(content)
    assert expectation in refusal(path)


def test_a_file_that_is_not_there_says_where_to_read_on(tmp_path: Path) -> None:
    told = refusal(tmp_path / "nowhere.toml")
    assert "no such file" in told
    assert "docs/configuration.md" in told
    assert "cannot be read" in refusal(tmp_path)


def test_nothing_can_be_changed_after_loading(path: Path) -> None:
    loaded = config.load(path)
    with pytest.raises(ValueError, match="frozen"):
        loaded.ward.name = "別の区"


def test_the_mail_zone_has_no_web_site(path: Path) -> None:
    loaded = config.load(path)
    assert loaded.site(Zone.ADMIN) is loaded.admin
    with pytest.raises(ValueError, match="no web site"):
        loaded.site(Zone.MAIL)


def test_what_was_left_out_has_the_defaults_of_its_own_schema(path: Path) -> None:
    """The defaults of whole tables are written out once more in `Config`; they must be the same."""
    path.write_text(path.read_text().replace("[broadcast]\ntake_back_s = 0\nquiet_minutes = 0\n", ""))
    loaded = config.load(path)
    for section in ("registration", "broadcast", "account"):
        kind = type(getattr(loaded, section))
        assert getattr(loaded, section) == kind()


def test_every_setting_says_what_it_means() -> None:
    lacking = [key for key, _, _, meaning in described() if not meaning.endswith(".")]
    assert lacking == []


def test_the_documentation_is_generated_from_the_settings() -> None:
    """To mend: `karamail config describe > docs/configuration.md`."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == config.describe()
