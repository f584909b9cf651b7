"""`python -m tests.fuzz --minutes 10 [--seed N]`: a real daemon, nonsense from many sides, what must hold.

Whatever bytes arrive: every line is one of the daemon's own replies, it answers or closes, no fault is in its
log, no mail is in the database that was not answered 250, its memory does not grow, and a guardian's mail
afterwards is taken. Ends by itself; exit code 1 and the seed when something does not hold.
"""

import argparse
import asyncio
import logging
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import trustme

from appliance.models import Inbound, Registration
from tests.dialogs.inbound.play import Peer
from tests.fuzz.conversation import BALANCER, Conversation, Handshake, Heard, Strange
from tests.support.dialogue import words
from tests.support.installation import Installation, nameserver
from tests.support.waiting import free_ports, until

SIDES = 16
GROWTH_KIB = 16 * 1024
TAKEN = "250 2.0.0 Taken and kept"
ZONE = """
x.jp. IN TXT "v=spf1 ip4:127.0.0.0/8 -all"
_dmarc.x.jp. IN TXT "v=DMARC1; p=reject"
k._domainkey.x.jp. IN TXT "v=DKIM1; p=AAAA"
docomo.ne.jp. IN TXT "v=spf1 ip4:127.0.0.0/8 ~all"
"""


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def fuzz(folder: Path, minutes: float, seed: int) -> str:
    """Returns what was done, in one line. Raises `Strange`."""
    port, dns_port = free_ports(2)
    house = Installation(folder, f"sqlite:///{folder}/karamail.db", mail_port=port, dns_port=dns_port)
    _open_wide(folder)
    try:
        school = house.school(1, lambda _: "hanako@docomo.ne.jp")
        recipient = house.registration_address(school)
        with nameserver(dns_port, ZONE):
            worker = house.worker("1")
            until(lambda: "process.started" in house.log("1"), within_s=30, why="no daemon")
            heard = Heard()
            early_kib, late_kib = asyncio.run(
                _all_sides(port, recipient, minutes * 60, seed, heard, worker.pid)
            )
            reply = asyncio.run(_a_guardian(port, recipient))
        if worker.poll() is not None:
            raise Strange("the daemon has ended")
        _judge(house, heard, reply, early_kib, late_kib)
    finally:
        house.close()
    return (
        f"{heard.conversations} conversations, {sum(heard.lines.values())} lines of {len(heard.lines)} kinds"
        f", {heard.lines[TAKEN]} mails taken, memory {early_kib // 1024} -> {late_kib // 1024} MiB"
        f", seed {seed}"
    )


def _open_wide(folder: Path) -> None:
    """TLS, a balancer, checks of authenticity, and a pause short enough to get through many times."""
    issued = trustme.CA().issue_cert("mx.midori.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    path = folder / "karamail.toml"
    text = path.read_text(encoding="utf-8").replace('authenticity = "off"', 'authenticity = "enforce"')
    more = (
        f'tls_cert = "chain.pem"\ntls_key = "key.pem"\nbalancers = ["{BALANCER}/32"]\ngreet_pause_s = 0.05\n'
    )
    path.write_text(text.replace("\n[relay]", more + "\n[relay]"), encoding="utf-8")


async def _all_sides(
    port: int, recipient: str, seconds: float, seed: int, heard: Heard, pid: int
) -> tuple[int, int]:
    """Resident memory after the first third, and at the end."""
    draw, began = random.Random(seed), time.monotonic()
    corpus = words(recipient)
    early_kib = 0

    async def side() -> None:
        nonlocal early_kib
        while (passed := time.monotonic() - began) < seconds:
            kind = Handshake if draw.random() < 0.15 else Conversation
            await kind(draw.getrandbits(48), port, corpus, heard).play()
            if not early_kib and passed > seconds / 3:
                early_kib = resident_kib(pid)

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDES):
            group.create_task(side())
    return early_kib or resident_kib(pid), resident_kib(pid)


async def _a_guardian(port: int, recipient: str) -> str:
    peer = await Peer.dial(port)
    await peer.greet()
    for command in ("MAIL FROM:<hanako@docomo.ne.jp>", f"RCPT TO:<{recipient}>", "DATA"):
        await peer.ask(command)
    return await peer.ask("From: hanako@docomo.ne.jp\r\nMessage-ID: <last@docomo.ne.jp>\r\n\r\n.")


def _judge(house: Installation, heard: Heard, reply: str, early_kib: int, late_kib: int) -> None:
    if reply != TAKEN:
        raise Strange(f"a guardian's mail afterwards: {reply}")
    said = house.log("1")
    for fault in ('"unexpected"', "Traceback", "library.warning"):
        if fault in said:
            raise Strange(next(line for line in said.splitlines() if fault in line))
    kept = Inbound.select().count()
    if kept > heard.lines[TAKEN] + 1 + heard.unheard:
        raise Strange(
            f"{kept} mails are kept, {heard.lines[TAKEN] + 1} heard 250 and {heard.unheard} hung up before"
        )
    if not Registration.select().where(Registration.state == "requested").count():
        raise Strange("the guardian's mail left no row")
    if late_kib - early_kib > GROWTH_KIB:
        raise Strange(f"the daemon grew from {early_kib} to {late_kib} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it speaks of every peer that hung up
    seed = asked.seed if asked.seed is not None else random.SystemRandom().getrandbits(32)
    folder = Path(tempfile.mkdtemp(prefix="karamail-fuzz-", dir="/var/tmp"))
    try:
        print(fuzz(folder, min(asked.minutes, 24 * 60), seed))
    except* Strange as strange:
        for error in strange.exceptions:
            print(f"seed {seed}: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
