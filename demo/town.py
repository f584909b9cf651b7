"""`python -m demo.town`: a whole ward on one machine; what `make run` starts.

Owns the order: ports, settings, keys, schema, schools, accounts, crowd, supervisor, and what is told to the
visitor. Everything it makes lies in one folder (var/town). Refuses to run twice on one folder. Fails with one
clear message and exit code 1; after Ctrl-C or SIGTERM it stops everything and ends with 0.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from appliance import config, db, keys, keystore, security_code
from appliance.errors import KaramailError, OperatorError
from appliance.keys import record
from appliance.models import School
from demo import accounts, certificate, dns, ports, seed, settings, ward
from demo import places as town
from demo.phones.owners import PHONES
from demo.places import DEFAULT_BASE, Places
from demo.supervision import ROOT, Supervisor, programs

_NEWCOMERS = 40
"""Guardians of a town that nobody gave a size: enough to see lists and a broadcast."""

_told_to_stop = False


def _stop(_number: int, _frame: FrameType | None) -> None:
    global _told_to_stop
    _told_to_stop = True


def prepare(places: Places, guardians: int) -> int:
    """Everything but processes; what is there stays. Returns the size of the crowd."""
    for folder in (places.folder, places.logs, places.run, places.folder / "spool"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate.ensure(places)
    settings.write(places)
    loaded = config.load(places.config_file)
    db.connect(loaded)
    db.migrate()
    keys.create_secrets(places.secrets_dir)
    record.create(places.secrets_dir)
    keystore.publish_zone_keys(places.secrets_dir)
    dkim_keys = keys.signing.read(places.secrets_dir / "mail")
    places.zone_file.write_text(dns.master_file(dkim_keys), encoding="ascii")
    schools = ward.found()
    accounts.open_accounts(loaded, places, schools)
    crowd = _populate(places, guardians)
    db.vanish()
    return crowd


def _populate(places: Places, guardians: int) -> int:
    began = time.monotonic()
    there = seed.seeded()

    def told(done: int) -> None:
        if done % 5000 == 0 or done == guardians:
            print(f"town: {done:,} of {guardians:,} guardians registered", flush=True)

    crowd = seed.seed(places.config_file, guardians, told if guardians - there > 1000 else None)
    if crowd - there > 1000:
        print(f"town: {crowd - there:,} registrations in {time.monotonic() - began:.0f} s", flush=True)
    return crowd


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """One town per folder."""
    places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (places.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OperatorError(f"another town runs in {places.folder}; stop it with Ctrl-C there") from None
        yield


def welcome(places: Places, crowd: int) -> str:
    """What the visitor reads when everything answers."""
    db.connect(config.load(places.config_file))
    school = School.select().order_by(School.id).first()
    code = security_code.current(school.id)
    db.vanish()
    hosts = " ".join(f"{site}.localhost" for site in places.web_ports)
    return "\n".join(
        [
            "",
            f"{ward.WARD_NAME} ({ward.WARD_NAME_EN}) is open, with {crowd:,} registered guardians.",
            "",
            f"  the town: phones, handouts, carriers  {places.origin('town')}/",
            f"  administration site (管理者サイト)      {places.origin('admin')}/",
            f"  send-only site (送信専用サイト)         {places.origin('sender')}/",
            f"  guardians' form (from the link only)  {places.origin('guardian')}/",
            "",
            f"Accounts (also in {_short(places.accounts_file)}):",
            *(f"  {line}" for line in accounts.listing(places)),
            "",
            "What to try:",
            "  1. Open the town, pick a phone, send the empty mail, open the link that comes back, register.",
            "  2. Log in on the administration site as shougakkou-principal; write to a class; watch it go.",
            "  3. Log in on the send-only site with the same account: no personal data in sight.",
            "  4. Make the carriers work: stop this, then  make run TOWN=43000",
            "  5. swaks can send, too, from where the carrier's own server stands (SPF refuses others):",
            f"     {_swaks(places.smtp_port, code.code)}" if code else "",
            "",
            f"Logs: {_short(places.logs)}/   All data: {_short(places.folder)}/ (delete it for a new town)",
            "If your browser does not know *.localhost, add to /etc/hosts:",
            f"  {town.LOOPBACK} {hosts}",
            "",
            "Ctrl-C stops all of it; the data stays.",
            "",
        ]
    )


def _swaks(port: int, code: str) -> str:
    phone = PHONES[0]
    return (
        f"swaks --server {town.LOOPBACK}:{port} --local-interface {phone.brand.ip}"
        f" --from {phone.mail_address} --to {code}@{town.REGISTRATION_DOMAIN}"
    )


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def run(places: Places, guardians: int) -> None:
    """Until told to stop. Raises the operators' sentences."""
    with _alone(places):
        ports.check(places)
        crowd = prepare(places, guardians)
        if _told_to_stop:
            return
        with Supervisor(places, programs(places, settings.MAIL_WORKERS, crowd)) as supervisor:
            if supervisor.wait_until_ready(lambda: _told_to_stop):
                print(welcome(places, crowd), flush=True)
            while not _told_to_stop:
                if supervisor.process.poll() is not None:
                    raise OperatorError(f"supervisord ended unasked; see {places.logs / 'supervisord.log'}")
                signal.sigtimedwait([signal.SIGCHLD], 0.3)
            print("\ntown: stopping", flush=True)
        print("town: stopped. The data stays; `make run` opens it again.", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.town", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--town", type=int, default=int(os.environ.get("TOWN") or _NEWCOMERS), metavar="N",
                        help="registered guardians to fill the ward with (TOWN)")  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "var" / "town", help="where all of its data lies"
    )
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        base = int(os.environ.get("PORT_BASE") or DEFAULT_BASE)
        if not 0 <= given.town <= seed.LAST_NUMBER:
            raise ValueError(f"TOWN: expected a number from 0 to {seed.LAST_NUMBER:,}")
        run(Places(given.folder.resolve(), base), given.town)
    except (KaramailError, ValueError) as error:
        print(f"town: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
