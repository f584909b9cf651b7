"""Who lives on the lab's internet: guardians with phones, staff with browsers, all from their own addresses.

Owns sending an empty mail as a carrier's server does, looking into mailboxes, and a browser without a screen.
Refuses to know how nodes are made. Fails as smtplib and httpx do.
"""

import html
import json
import re
import smtplib
import ssl
from types import TracebackType
from typing import Self

import httpx

from demo.carriers.mailboxes import Mail, Mailboxes
from demo.phones.owners import ADDRESSES, BY_SLUG, Phone
from demo.phones.writing import compose
from tests.lab import places, wires
from tests.lab.authority import WORLD
from tests.lab.internet import settled
from tests.lab.places import Node


def send_empty_mail(phone: Phone, code: str, node: Node, *, timeout_s: float = 20) -> tuple[int, bytes]:
    """The carrier hands the phone's empty mail to one of our mail servers; the reply to the final dot."""
    to = f"{code}@{places.REGISTRATION_DOMAIN}"
    carrier = settled(phone.brand)
    with wires.standing_in("internet"):
        session = smtplib.SMTP(node.front, 25, carrier.mx[0], timeout_s, source_address=(carrier.ip, 0))
        with session:
            session.ehlo()
            session._host = node.mx  # the name for SNI
            session.starttls(context=_world())
            session.ehlo()
            session.docmd("MAIL", f"FROM:<{phone.address.wire()}>")
            code_, text = session.docmd("RCPT", f"TO:<{to}>")
            return session.data(compose(phone, to, "", "", empty=True)) if code_ == 250 else (code_, text)


def phone(slug: str) -> Phone:
    """One of the town's phones."""
    return BY_SLUG[slug]


def inbox(of: Phone) -> list[Mail]:
    """The mails on a phone, the newest first."""
    boxes = Mailboxes(places.MAILBOXES, ADDRESSES)
    try:
        return boxes.inbox(of.box)
    finally:
        boxes.close()


def _world() -> ssl.SSLContext:
    """What a phone trusts: the lab's public authorities."""
    return ssl.create_default_context(cafile=WORLD)


class Browser:
    """`with Browser("admin") as browser`: from one address, at one site.

    On the administration site it is the school's PC, once `equipment.enrol` was called; `unknown=True` is a
    browser that nobody enrolled.
    """

    def __init__(
        self,
        site: str,
        *,
        source: str = places.GUARDIAN,
        at: str = "",
        patience_s: float = 10,
        unknown: bool = False,
    ) -> None:
        self.name = places.SITES[site]
        self._address = at or (places.ADMIN if site == "admin" else places.VIRTUAL)
        self._source = source
        self._patience_s = patience_s
        known = site == "admin" and not unknown and places.SCHOOL_PC.exists()
        self._kept: dict[str, str] = json.loads(places.SCHOOL_PC.read_text()) if known else {}

    def __enter__(self) -> Self:
        transport = httpx.HTTPTransport(verify=_world(), local_address=self._source)
        self._client = httpx.Client(
            transport=transport,
            base_url=f"https://{self._address}",
            headers={"Host": self.name},
            cookies=self._kept,
            timeout=self._patience_s,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """What it keeps by now."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    def open(self, path: str) -> httpx.Response:
        """Where a link leads; redirects are followed at the same address."""
        return self._send("GET", path)

    def submit(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Posts a page's form with its hidden fields."""
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', page.text)
        given = {_attribute(tag, "name"): _attribute(tag, "value") for tag in hidden}
        return self._send("POST", path, data=given | fields)

    def _send(self, method: str, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        for _hop in range(5):
            target = re.sub(r"^https://[^/]+", "", path)
            headers = {"Origin": f"https://{self.name}", "Referer": f"https://{self.name}{target}"}
            with wires.standing_in("internet"):
                response = self._client.request(
                    method, target, data=data, headers=headers, extensions={"sni_hostname": self.name}
                )
            if not response.is_redirect:
                return response
            method, path, data = "GET", response.headers["Location"], None
        raise AssertionError("redirected in a circle")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""
