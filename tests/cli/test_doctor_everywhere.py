"""The doctor's rounds of all nodes: as figures, and read back from a Prometheus that the test plays."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance import clock
from cli.doctor import everywhere, figures
from cli.doctor.finding import broken, ok
from tests.cli.conftest import Karamail

SERIES: dict[str, list[tuple[dict[str, str], float]]] = {}


class _Prometheus(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        (question,) = parse_qs(urlsplit(self.path).query)["query"]
        result = [{"metric": labels, "value": [0, str(value)]} for labels, value in SERIES[question]]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(everywhere.look, "__defaults__", (base,))
    yield base
    server.shutdown()
    server.server_close()


def test_a_round_becomes_figures_and_its_sentences_are_labels(tmp_path: Path) -> None:
    target = tmp_path / "doctor.prom"
    found = [
        ok("disk", "12 GB are free"),
        broken("backups", 'none for 3 days ("n2")', "nothing.", "run a\\b"),
    ]
    figures.write(target, found, ["disk", "backups", "logs"])
    read = {family.name: family.samples for family in text_string_to_metric_families(target.read_text())}
    assert {row.labels["area"]: row.value for row in read[figures.AREA_STATUS]} == {
        "disk": 0,
        "backups": 2,
        "logs": 0,
    }
    (row,) = read[figures.FINDING]
    assert row.labels == {
        "area": "backups",
        "what": 'none for 3 days ("n2")',
        "means": "nothing.",
        "todo": "run a\\b",
    }
    assert target.stat().st_mode & 0o777 == 0o644, "node-exporter is another user"


def test_the_officer_of_a_rack_sees_every_node_from_one(
    node: Path, prometheus: str, karamail: Karamail
) -> None:
    now = clock.now().timestamp()
    SERIES[everywhere._UP] = [
        ({"instance": "n1"}, 1),
        ({"instance": "n2"}, 0),
        ({"instance": "n3"}, 1),
        ({"instance": "w"}, 1),
    ]
    SERIES[figures.TIME] = [({"instance": "n1"}, now - 130), ({"instance": "n3"}, now - 3600)]
    words = {"area": "disk", "what": "1.1 GB are free", "means": "nothing yet.", "todo": "see what grows."}
    SERIES[figures.FINDING] = [(words | {"instance": "n1"}, 1)]
    result = karamail("doctor", "--all-nodes")
    assert result.output.splitlines() == [
        "ok       nodes: n1 answers; what follows is 2 minutes old",
        "WARNING  disk: 1.1 GB are free",
        "         For parents: nothing yet.",
        "         To do: see what grows.",
        "BROKEN   nodes: n2 does not answer",
        "         For parents: the other nodes do its work; if one more is lost, none may.",
        "         To do: is n2 on? Does its address between nodes answer? "
        "docs/operations.md, Operating a rack.",
        "WARNING  nodes: n3 was not looked at for 60 minutes",
        "         For parents: unknown.",
        "         To do: on n3: `systemctl status karamail-doctor`",
        "ok       nodes: w answers (it is a witness: no doctor is there)",
        "2 ok, 2 warnings, 1 broken",
    ]
    assert result.exit_code == 2


def test_a_node_whose_prometheus_is_away(
    node: Path, karamail: Karamail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everywhere.look, "__defaults__", ("http://127.0.0.1:9",))
    result = karamail("doctor", "--all-nodes")
    assert result.exit_code == 2
    assert "Prometheus of this node does not answer" in result.output
