"""A site as a node runs it: gunicorn with its own processes, and only its own zone's credentials.

`RunningSite(folder, config, zone)` starts `karamail serve <zone>` and waits until it answers. `Visit` is a
person at it: speaks HTTP over a real socket and keeps cookies.
"""

import http.client
import os
import re
import shutil
import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from appliance.config import Config, Zone
from tests.support.waiting import until

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class RunningSite:
    """`folder/karamail.toml` is its configuration; its log lies beside it."""

    def __init__(self, folder: Path, config: Config, zone: Zone) -> None:
        self.zone = zone
        self.folder = folder
        self.credentials = folder / "credentials" / zone.value
        shutil.copytree(config.secrets_dir / zone.value, self.credentials)
        self.origin = config.site(zone).origin
        self.host, _, port = config.site(zone).listen.rpartition(":")
        self.port = int(port)
        self.log = folder / f"{zone.value}.log"
        program = Path(sys.executable).with_name("karamail")
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [program, "--config", folder / "karamail.toml", "serve", zone.value],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(self.credentials)},
            )  # fmt: skip
        until(self._answers, within_s=30, why=self.log.read_text)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(self.log.read_text())
        try:
            return Visit(self).open("/healthz")[0] == 204
        except OSError:
            return False

    def processes(self) -> list[int]:
        """The master and its workers."""
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def __enter__(self) -> "RunningSite":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Visit:
    """Somebody at the site."""

    def __init__(self, site: RunningSite) -> None:
        self._site = site
        self.cookies: dict[str, str] = {}
        self.page = ""

    def open(self, path: str, body: str | None = None) -> tuple[int, str]:
        """Status and `Location`; the text is in `page`."""
        connection = http.client.HTTPConnection(self._site.host, self._site.port, timeout=20)
        headers = {
            "Host": urlsplit(self._site.origin).netloc,
            "Accept-Language": "ja",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        self.page = response.read().decode()
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        connection.close()
        return response.status, response.headers.get("Location", "")

    def login(self, login_id: str, password: str) -> None:
        """Raises AssertionError where the site does not let him in."""
        self.open("/login")
        found = _TOKEN.search(self.page)
        assert found, self.page
        fields = {"csrf_token": found[1], "login_id": login_id, "password": password}
        status, _ = self.open("/login", urlencode(fields))
        assert status == 303, self.page
