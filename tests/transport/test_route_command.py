"""`karamail route`: the operator asks where a domain's mail goes and what it demands."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner, Result

from cli.main import main
from tests.transport.town import HOST, IP, Town


async def ask(town: Town, folder: Path, *words: str) -> Result:
    """Runs the command in a thread, beside the name server that it asks."""
    file = folder / "karamail.toml"
    text = file.read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if line.startswith("nameservers"))
    text = text.replace(old, f'nameservers = ["{town.config.relay.nameservers[0]}"]')
    port = next(line for line in text.splitlines() if line.startswith("smtp_port"))
    file.write_text(text.replace(port, f"smtp_port = {town.port}"), encoding="utf-8")
    return await asyncio.to_thread(CliRunner().invoke, main, ["--config", str(file), "route", *words])


async def test_a_host_with_dane(town: Town, tmp_path: Path) -> None:
    async with town:
        town.tlsa("3 1 1 " + "ab" * 32)
        shown = await ask(town, tmp_path, "city.example")
        assert shown.exit_code == 0, shown.output
        assert f"{HOST} [{IP}]  tlsa, authenticated" in shown.output
        assert "3 1 1 " + "ab" * 32 in shown.output
        told = json.loads((await ask(town, tmp_path, "City.example", "--json")).output)
        assert told["reported"] is False
        assert [(host["host"], host["policy"], host["level"]) for host in told["hosts"]] == [
            (HOST, "tlsa", "authenticated")
        ]


async def test_a_domain_without_a_way(town: Town, tmp_path: Path) -> None:
    async with town:
        shown = await ask(town, tmp_path, "nowhere.example")
        assert shown.exit_code == 1
        assert "nowhere.example: no way for good (5.1.2 no_route)" in shown.stderr
