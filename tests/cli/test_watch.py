"""`karamail watch`: what zones wrote becomes counters, what Alertmanager holds becomes faults."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from appliance import log
from appliance.fault import Seen
from cli.watch import alerts
from cli.watch.events import Events
from tests.cli.conftest import Karamail

MAIL, ADMIN = "karamail-mail.service", "karamail-admin.service"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


def test_lines_of_the_log_are_counted_by_zone(
    registry: CollectorRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    events = Events(registry)
    log.web_request("broadcast.send", "POST", 303, 40)
    log.web_request("broadcast.new", "GET", 200, 7)
    for line in lines(capfd):
        events.take(ADMIN, line)
    log.settled(accepted=500, deferred=20, failed=1, lost=0, ms=12)
    log.inbound_written(mails=3, ms=2)
    log.unexpected(ValueError())
    for line in lines(capfd):
        events.take(MAIL, line)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("karamail_requests_total", zone="admin", status="3xx") == 1
    assert value("karamail_request_seconds_bucket", zone="admin", le="0.01") == 1
    assert value("karamail_request_seconds_count", zone="admin") == 2
    assert value("karamail_settled_total", outcome="accepted") == 500
    assert value("karamail_settled_total", outcome="deferred") == 20
    assert value("karamail_inbound_mails_total") == 3
    assert value("karamail_events_total", zone="mail", event="unexpected") == 1
    assert value("karamail_events_total", zone="admin", event="unexpected") == 0, "a counter that can rise"


@pytest.mark.parametrize(
    "text", ["", "Traceback (most recent call last):", "[1]", '{"zone": "mail"}', "null"]
)
def test_a_line_of_another_kind_is_passed_over(registry: CollectorRegistry, text: str) -> None:
    events = Events(registry)
    before = generate_latest(registry)
    events.take(MAIL, text)
    assert generate_latest(registry) == before


def test_one_look_at_a_node(node: Path, karamail: Karamail) -> None:
    told = karamail("watch").output
    assert 'karamail_overdue_seconds{lane="urgent"} 0.0' in told
    assert "karamail_database_up 1.0" in told


class _Alertmanager(BaseHTTPRequestHandler):
    answer = b"[]"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def alertmanager() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Alertmanager)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_fires_is_seen_but_for_the_sign_that_alerts_work(
    alertmanager: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [
        {
            "labels": {"alertname": "Doctor", "instance": "n2", "area": "disk", "severity": "broken"},
            "annotations": {"what": "0 GB are free", "todo": "see what grows."},
        },
        {"labels": {"alertname": "AlertsWork", "severity": "none"}, "annotations": {}},
        {
            "labels": {"alertname": "CarrierRefuses", "carrier": "docomo", "severity": "warning"},
            "annotations": {"what": "40 % refused", "todo": "docs/operations.md"},
        },
    ]
    monkeypatch.setattr(_Alertmanager, "answer", json.dumps(told).encode())
    assert alerts.firing(alertmanager) == [
        Seen("Doctor", "n2", "disk", "broken", "0 GB are free", "see what grows."),
        Seen("CarrierRefuses", "", "docomo", "warning", "40 % refused", "docs/operations.md"),
    ]


@pytest.mark.parametrize("answer", [b"", b"{}x", b"[{}]", b'{"code": 500}', b"[1]"])
def test_an_answer_that_is_none(alertmanager: str, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(_Alertmanager, "answer", answer)
    with pytest.raises(alerts.Silent):
        alerts.firing(alertmanager)
    with pytest.raises(alerts.Silent):
        alerts.firing("http://127.0.0.1:9")
