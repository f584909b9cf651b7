"""A whole installation for tests that need real processes: database, secrets, guardians, workers, DNS.

`Installation(folder, url)` migrates and makes keys; `school(n)` registers n guardians, sealed for real;
`worker(k)` starts `karamail serve mail`; `nameserver(records)` answers for the domains of the test.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zonefile

from appliance import account, clock, db, delivery, grants, keystore, security_code
from appliance.actor import Actor, Role
from appliance.address import parse
from appliance.config import Config, Zone
from appliance.directory import schools
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.models import Address, Child, Registration, School
from appliance.models.fields import row_id
from appliance.registration.request import site_label
from appliance.states import RegistrationState
from demo.dns import Nameserver
from tests.support.settings import settings

PASSWORD = "ajisai-no-saku-michi-7"
_BATCH = 1000


class Installation:
    """One folder, one database, as many processes as a test starts."""

    def __init__(self, folder: Path, database_url: str, **ports: int) -> None:
        self.folder = folder
        self.config: Config = settings(folder, database_url, **ports)
        db.connect(self.config)
        db.migrate()
        if db.engine() == "postgresql":  # the workers run under the role of the mail zone
            grants.create_roles(self.config)
            grants.apply(self.config)
        keystore.publish_zone_keys(self.config.secrets_dir)
        self._workers: list[subprocess.Popen[bytes]] = []

    def keyring(self, zone: Zone) -> Keyring:
        return keystore.open_keyring(self.config, zone)

    def school(self, guardians: int, address_of: Callable[[int], str]) -> School:
        """An elementary school with two classes and so many confirmed guardians, each with a child."""
        school = schools.add_school("elementary", "みどり小学校", "Midori Elementary School")
        classes = schools.add_classes(school, [("1年", "1組"), ("1年", "2組")])
        mail = self.keyring(Zone.MAIL)
        names = self.keyring(Zone.GUARDIAN)
        now = clock.now()
        name = names.seal(Slot(Purpose.NAMES, "child", "name_sealed", school.id, 0), "児童")
        for start in range(0, guardians, _BATCH):
            numbers = range(start, min(start + _BATCH, guardians))
            rows = [(row_id(), row_id(), row_id(), parse(address_of(number)), number) for number in numbers]
            with db.transaction():
                Address.insert_many(
                    [
                        {
                            "id": address_id,
                            "school_id": school.id,
                            "address_index": mail.index(Purpose.ADDRESSES, address.index_form),
                            "sealed": mail.seal(
                                Slot(Purpose.ADDRESSES, "address", "sealed", school.id, address_id),
                                address.canonical,
                            ),
                            "site": site_label(mail, address),
                            "created_at": now,
                        }
                        for address_id, _, _, address, _ in rows
                    ]
                ).execute()
                Child.insert_many(
                    [
                        {
                            "id": child_id,
                            "school": school.id,
                            "school_class": classes[number % 2],
                            "name_sealed": name,
                            "name_index": names.index(Purpose.NAMES, name_form(f"児童{number}")),
                            "created_at": now,
                        }
                        for _, child_id, _, _, number in rows
                    ]
                ).execute()
                Registration.insert_many(
                    [
                        {
                            "id": registration_id,
                            "school": school.id,
                            "address": address_id,
                            "child": child_id,
                            "guardian_name_sealed": name,
                            "state": RegistrationState.CONFIRMED,
                            "token_hash": registration_id.to_bytes(32, "big"),
                            "requested_at": now,
                            "expires_at": now,
                            "confirmed_at": now,
                        }
                        for address_id, child_id, registration_id, _, _ in rows
                    ]
                ).execute()
        return school

    def registration_address(self, school: School) -> str:
        code = security_code.current(school.id)
        assert code is not None
        return f"{code.code}@{self.config.mail.registration_domain}"

    def principal(self, school: School, zone: Zone = Zone.ADMIN) -> Actor:
        """The principal, logged in."""
        account.add(
            self.config,
            login_id=f"kocho{school.id}",
            role=Role.PRINCIPAL,
            display_name="校長",
            school_ids=[school.id],
            password=PASSWORD,
            now=clock.now(),
        )
        _, actor = account.login(
            self.config, zone, f"kocho{school.id}", PASSWORD, network="127.0.0.0/24", now=clock.now()
        )
        return actor

    def worker(self, name: str) -> "subprocess.Popen[bytes]":
        """Starts a mail worker; its log goes to `worker-<name>.log` in the folder."""
        with (self.folder / f"worker-{name}.log").open("ab") as out:
            process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("karamail"),
                    "--config",
                    self.folder / "karamail.toml",
                    "serve",
                    "mail",
                    "--worker",
                    name,
                ],
                stderr=out,
                stdout=out,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )
        self._workers.append(process)
        return process

    def divided(self, *names: str) -> bool:
        """Whether each of these workers counts itself and all the others, and has had the time to see it."""
        full = {f"{socket.gethostname()}/{name}" for name in names}
        lately = clock.now() - timedelta(seconds=1.5)  # each looks once a second
        lease_s = self.config.relay.lease_s
        return all(set(delivery.crew(name, lease_s=lease_s, now=lately)) == full for name in full)

    def log(self, name: str) -> str:
        return (self.folder / f"worker-{name}.log").read_text(encoding="utf-8")

    def close(self) -> None:
        """Ends the workers it started and forgets the database."""
        for process in self._workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._workers:
            process.wait(timeout=60)
        db.vanish()


@contextmanager
def nameserver(port: int, zone: str) -> Iterator[None]:
    """Answers on 127.0.0.1:`port` from a master file, in a thread of its own."""
    sets = dns.zonefile.read_rrsets(
        zone, origin=dns.name.root, relativize=False, rdclass=None, default_ttl=60
    )
    records = {(found.name, found.rdtype): found for found in sets}
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Nameserver(records, port):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
