"""One mail worker: empty mail in, everything out, in one process and one event loop.

Owns the start, the signals (SIGTERM and SIGINT end it, SIGHUP takes up a new certificate) and the ordered end
of `smtp.inbound` and `smtp.relay`. Refuses everything else.
Fails at start with the operators' sentences; later only when one of its loops has failed: then it ends with
exit code 1, and whoever supervises it starts it again.
"""

import asyncio
import gc
import resource
import signal
import sys

import uvloop

from appliance import db, log
from appliance.config import Config, Zone
from appliance.errors import JournalRefused
from appliance.keystore import open_keyring
from smtp import inbound
from smtp.relay import Relay

_FILES = 65_536
_GC_THRESHOLDS = (10_000, 10, 10)  # by default looking for cycles costs 8 % of a broadcast (measured)
_SWITCH_S = 0.001  # the database thread waits at most so long for the interpreter


def run(config: Config, worker: str) -> None:
    """Runs until SIGTERM or SIGINT. Raises the operators' sentences; exits with 1 when a loop failed."""
    log.begin(Zone.MAIL, worker)
    _open_many_files()
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what is loaded by now stays
    gc.set_threshold(*_GC_THRESHOLDS)
    failed = uvloop.run(_serve(config, worker))
    db.vanish()
    if failed:
        sys.exit(1)


def _open_many_files() -> None:
    """Each session is a descriptor, and systemd's soft limit of 1,024 is for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(config: Config, worker: str) -> bool:
    keyring = open_keyring(config, Zone.MAIL)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    relay = Relay(config, keyring, worker)
    await relay.start()
    door = await inbound.start(config, keyring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, door.renew_certificate)
    log.process_started(worker=worker)
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *relay.tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = waiting not in done
    for task in done - {waiting}:
        error = task.exception()
        if error is not None and not isinstance(error, JournalRefused):  # that one is logged
            log.unexpected(error)
    log.process_stopping("a loop failed" if failed else "asked to")
    await door.close()
    await relay.stop()
    return failed
