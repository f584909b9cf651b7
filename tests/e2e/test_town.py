"""The town as a newcomer meets it: it opens, a guardian registers with a phone, Ctrl-C leaves nothing behind.

Real processes under the real supervisor on ports of their own; only the browser is replaced, by an HTTP
client that fills in forms.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from demo.places import Places
from demo.ports import check
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


class Browser(httpx.Client):
    """Takes every name under .localhost for this machine, as browsers do; keeps cookies."""

    def __init__(self) -> None:
        class Loopback(httpx.HTTPTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                request.url = request.url.copy_with(host="127.0.0.1")  # the Host header is written already
                return super().handle_request(request)

        super().__init__(transport=Loopback(), follow_redirects=True, timeout=20)

    def press(self, page: httpx.Response, **filled: str) -> httpx.Response:
        """Sends the last form of the page with what was filled in."""
        form = forms(page.text)[-1]
        return self.post(page.url.join(form.action or str(page.url)), data={**form.fields, **filled})


@dataclass
class Form:
    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), {}))
        elif tag in {"input", "button"} and self.found and given.get("name"):
            chosen = given.get("type") != "radio" or "checked" in given
            if chosen and given.get("type") != "checkbox":
                self.found[-1].fields.setdefault(given["name"], given.get("value", ""))


def forms(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.found


@dataclass
class Town:
    places: Places
    process: subprocess.Popen[str]
    output: Path

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")


def _free_base() -> int:
    for base in range(20_000 + os.getpid() % 300 * 100, 60_000, 100):
        try:
            check(Places(Path(), base))
        except OSError:
            continue
        except Exception as error:
            if type(error).__name__ != "PortBusy":
                raise
            continue
        return base
    raise RuntimeError("no free ports")


def start(folder: Path, base: int, guardians: int) -> Town:
    """Starts a town as `make run` does, in a session of its own, so that Ctrl-C can be sent to it."""
    output = folder.parent / f"{folder.name}.out"
    with output.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.town", "--folder", str(folder), "--town", str(guardians)],
            cwd=ROOT, stdout=written, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, "PORT_BASE": str(base)},
        )  # fmt: skip
    return Town(Places(folder, base), process, output)


def opened(town: Town) -> Town:
    until(
        lambda: "Ctrl-C stops" in town.said() or town.process.poll() is not None,
        within_s=90, why="the town opens",
    )  # fmt: skip
    assert town.process.poll() is None, town.said()
    return town


def ended(town: Town) -> int:
    town.process.send_signal(signal.SIGINT)
    return town.process.wait(60)


def processes_of(folder: Path) -> list[str]:
    """Command lines of all processes that name the folder, in arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in said and int(process.name) != os.getpid():
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    running = start(tmp_path_factory.mktemp("newcomer") / "town", _free_base(), 60)
    try:
        yield opened(running)
    finally:
        if running.process.poll() is None:
            ended(running)


def mails_on(browser: Browser, town: Town, phone: str) -> list[str]:
    """Addresses of the mails on a phone, the newest first."""
    page = browser.get(f"{town.places.origin('town')}/phone/{phone}/")
    assert page.status_code == 200
    return re.findall(rf'href="(/phone/{phone}/mail/\d+)"', page.text)


def send_empty_mail(browser: Browser, town: Town, phone: str, school: str) -> None:
    page = browser.get(f"{town.places.origin('town')}/phone/{phone}/empty")
    (address,) = re.findall(rf'value="([^"]+)"><strong>{school}<', page.text)
    sent = browser.press(page, to=address)
    assert "送信しました" in sent.text, sent.text


def wait_for_mail(browser: Browser, town: Town, phone: str, count: int) -> httpx.Response:
    """The newest of at least `count` mails, opened."""
    found = until(
        lambda: len(mails := mails_on(browser, town, phone)) >= count and mails,
        within_s=30, why=f"mail number {count} on the phone of {phone}",
    )  # fmt: skip
    assert isinstance(found, list)
    return browser.get(town.places.origin("town") + found[0])


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("phone", "school", "child", "guardian"),
    [
        ("taro", "みなも幼稚園", "山田 ひなた", "山田 太郎"),  # taro..y@docomo.ne.jp, ISO-2022-JP
        ("sunita", "みなも小学校", "सुमन गुरुङ", "सुनिता गुरुङ"),  # iPhone signature, Nepali names
        ("kaori", "わかあゆ特別支援学校", "中村 凛", "中村 香織"),  # webmail with an HTML shell
    ],
)
def test_a_guardian_registers_with_a_phone(
    town: Town, phone: str, school: str, child: str, guardian: str
) -> None:
    with Browser() as browser:
        send_empty_mail(browser, town, phone, school)
        reply = wait_for_mail(browser, town, phone, 1)
        (link,) = re.findall(r'<a href="(http://guardian\.localhost[^"]+)"', reply.text)
        source = browser.get(str(reply.url) + "/source")
        assert "verified by dkimpy" in source.text

        page = browser.get(link)
        assert school in page.text
        for _ in range(6):
            html = page.text
            if not forms(html) or "登録が完了" in html:
                break
            filled = {}
            if "child_name" in forms(html)[-1].fields:
                filled = {"child_name": child, "guardian_name": guardian}
            choices = re.findall(r'<input[^>]*type="radio"[^>]*>', html)
            if choices:
                name = re.search(r'name="([^"]+)"', choices[0])
                value = re.search(r'value="([^"]+)"', choices[0])
                assert name
                assert value
                filled = {name[1]: value[1]}
            page = browser.press(page, **filled)
            assert page.status_code == 200, page.text
        assert "完了" in page.text, page.text

        welcome = wait_for_mail(browser, town, phone, 2)
        assert school in welcome.text


@pytest.mark.timeout(120)
def test_a_refused_reply_reaches_nobody_and_says_so_in_the_queue(town: Town) -> None:
    """docomo's filter answers like an unknown user; the phone sees nothing, and the town counts a refusal."""
    with Browser() as browser:
        page = browser.get(f"{town.places.origin('town')}/phone/keiko/")
        browser.press(page, condition="filtered")
        send_empty_mail(browser, town, "keiko", "みなも小学校")
        until(
            lambda: re.search(
                r"<td>ドコモ</td>.*?</td>\s*<td class=\"number\">[1-9]",
                browser.get(town.places.origin("town")).text, re.DOTALL,
            ),
            within_s=30, why="docomo counts a refusal",
        )  # fmt: skip
        assert mails_on(browser, town, "keiko") == []


def test_secrets_and_accounts_are_for_their_owner_only(town: Town) -> None:
    private = [town.places.accounts_file, *town.places.secrets_dir.rglob("*")]
    loose = [path for path in private if path.is_file() and path.stat().st_mode & 0o077]
    assert not loose


@pytest.mark.timeout(240)
def test_ctrl_c_stops_everything_and_a_second_run_keeps_the_data(tmp_path: Path) -> None:
    base = _free_base()
    first = opened(start(tmp_path / "town", base, 30))
    before = first.places.accounts_file.read_text(encoding="utf-8")
    assert ended(first) == 0, first.said()
    until(lambda: not processes_of(tmp_path), within_s=5, why="no process left")

    again = opened(start(tmp_path / "town", base, 50))
    assert "with 50 registered guardians" in again.said()
    assert again.places.accounts_file.read_text(encoding="utf-8") == before
    assert ended(again) == 0, again.said()
    until(lambda: not processes_of(tmp_path), within_s=5, why="no process left")


@pytest.mark.timeout(60)
def test_a_busy_port_is_named_with_the_way_out(town: Town, tmp_path: Path) -> None:
    second = start(tmp_path / "town", town.places.base, 0)
    assert second.process.wait(30) == 1
    assert f"127.0.0.1:{town.places.smtp_port} (the mail daemon): already in use" in second.said()
    assert "PORT_BASE=" in second.said()
    assert "Traceback" not in second.said()
