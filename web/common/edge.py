"""The WSGI layer around a site: whose host name this is, what asks and what acts, one event per request.

Owns the host allow-list and the request's log event: endpoint name, method, status, milliseconds. HEAD is GET
whose answer's body is thrown away here (RFC 9110 9.3.2), and what somebody puts into the body of a GET means
nothing (9.3.1): no view sees either, and none takes it for a form. Refuses to
see URLs, addresses or headers beyond Host: links carry tokens. A foreign host gets a plain 421 before
Flask sees anything; `/healthz` answers under any name, because probes ask by address.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from flask import g, has_request_context, request

from appliance import clock, log

Environ = dict[str, Any]
Start = Any

_FOREIGN = (
    "このアドレスのサイトは、ここにはありません。メールや案内のアドレスを確かめてください。\n"
    "There is no such site here. Please check the address in your mail or handout.\n"
).encode()


class Edge:
    """Wraps a WSGI application."""

    def __init__(self, application: Any, hosts: frozenset[str], headers: Mapping[str, str]) -> None:
        """`headers` stand also on the answer to a foreign host."""
        self._application = application
        self._hosts = hosts
        self._headers = [*headers.items(), ("Cache-Control", "no-store")]

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() not in self._hosts and environ.get("PATH_INFO") != "/healthz":
            log.web_refused("host")
            headers = [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(_FOREIGN))),
                *self._headers,
            ]
            start_response("421 Misdirected Request", headers)
            return [_FOREIGN] if environ.get("REQUEST_METHOD") != "HEAD" else []
        environ["karamail.began"] = clock.monotonic()
        if environ["REQUEST_METHOD"] == "HEAD":
            return self._head(environ, start_response)
        answer: Iterable[bytes] = self._application(_asking(environ), start_response)
        return answer

    def _head(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._application(
            _asking(environ | {"REQUEST_METHOD": "GET"}), start_response
        )
        if hasattr(answer, "close"):
            answer.close()
        return []


def _asking(environ: Environ) -> Environ:
    """What a GET asks stands in its address alone."""
    if environ["REQUEST_METHOD"] != "GET":
        return environ
    return environ | {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0", "CONTENT_TYPE": ""}


def record(status: int) -> None:
    """Writes the request's event; called when its response is ready."""
    if not has_request_context() or "recorded" in g:
        return
    g.recorded = True
    began = request.environ.get("karamail.began", clock.monotonic())
    endpoint = request.endpoint or "none"
    if endpoint != "healthz":
        log.web_request(endpoint, request.method, status, round((clock.monotonic() - began) * 1000))
