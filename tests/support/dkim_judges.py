"""Verifiers of DKIM that are not ours: dkimpy, OpenDKIM, and mailauth on node.

Each is handed the mail as it stood on the wire and the published records (name → text), and says how many of
its signatures are sound; `signatures` counts those there are. `mailauth_report` also judges SPF and DMARC.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dkim

from appliance.keys.signing import SigningKey
from tests.support.programs import mailauth

Records = Mapping[str, str]


def records(domain: str, keys: Sequence[SigningKey]) -> dict[str, str]:
    """What DNS would hold for these keys."""
    return {key.name(domain): key.record() for key in keys}


def signatures(content: bytes) -> int:
    """How many the mail carries."""
    head = content.partition(b"\r\n\r\n")[0]
    return len(re.findall(rb"^DKIM-Signature:", head, re.MULTILINE | re.IGNORECASE))


def dkimpy(content: bytes, published: Records) -> int:
    def lookup(name: bytes, timeout: float = 5) -> bytes:
        return published[name.decode("ascii").rstrip(".")].encode("ascii")

    judge = dkim.DKIM(content)
    count = 0
    for place in range(signatures(content)):
        try:
            count += judge.verify(place, dnsfunc=lookup)
        except (dkim.DKIMException, KeyError):
            continue
    return count


def opendkim(content: bytes, published: Records, folder: Path) -> int:
    """As a verifier, with the keys from a file instead of DNS."""
    keys, conf, message = folder / "judge.keys", folder / "judge.conf", folder / "judged.eml"
    keys.write_text("".join(f"{name} {text}\n" for name, text in published.items()))
    conf.write_text(f"Mode v\nTestPublicKeys {keys}\nOn-BadSignature accept\nOn-NoSignature accept\n")
    message.write_bytes(content)
    command = ["/usr/sbin/opendkim", "-f", "-vv", "-x", str(conf), "-t", str(message)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return len(re.findall(r"\bdkim=pass\b", done.stdout + done.stderr))


def mailauth_report(
    content: bytes, published: Mapping[str, object], folder: Path, *, sender: str = "", ip: str = "127.0.0.1"
) -> dict[str, Any]:
    """mailauth's whole report. A record may also be given as mailauth's own `{"TXT": [[…]], "A": […]}`."""
    cache = {name: {"TXT": [[text]]} if isinstance(text, str) else text for name, text in published.items()}
    (folder / "dns.json").write_text(json.dumps(cache))
    command = [
        *mailauth(), "report", "-n", str(folder / "dns.json"),
        "-i", ip, "-m", "mx.receiver.example", "-e", "mx.midori.example", "-f", sender,
    ]  # fmt: skip
    done = subprocess.run(command, input=content, capture_output=True, timeout=30, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def mailauth_passes(content: bytes, published: Records, folder: Path) -> int:
    results = mailauth_report(content, published, folder)["dkim"]["results"]
    return sum(each["status"]["result"] == "pass" for each in results)
