"""One mail worker: empty mail in, everything out, in one process and one event loop.

Owns the start, the signals and the ordered end of `smtp.inbound` and `smtp.relay`. Refuses everything else.
Fails at start with the operators' sentences; later only when one of its loops has failed: then it ends with
exit code 1, and whoever supervises it starts it again.
"""

import asyncio
import gc
import signal
import sys

import uvloop

from appliance import db, log
from appliance.config import Config, Zone
from appliance.keystore import open_keyring
from smtp import inbound
from smtp.relay import Relay

_GC_THRESHOLDS = (50_000, 20, 100)  # a broadcast makes no cycles; looking for them cost 8 % of it (measured)
_SWITCH_S = 0.001  # the database thread waits at most so long for the interpreter


def run(config: Config, worker: str) -> None:
    """Runs until SIGTERM or SIGINT. Raises the operators' sentences; exits with 1 when a loop failed."""
    log.begin(Zone.MAIL, worker)
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what is loaded by now stays
    gc.set_threshold(*_GC_THRESHOLDS)
    failed = uvloop.run(_serve(config, worker))
    db.vanish()
    if failed:
        sys.exit(1)


async def _serve(config: Config, worker: str) -> bool:
    keyring = open_keyring(config, Zone.MAIL)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    relay = Relay(config, keyring, worker)
    await relay.start()
    door = await inbound.start(config, keyring)
    log.process_started(worker=worker)
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *relay.tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = waiting not in done
    for task in done - {waiting}:
        error = task.exception()
        if error is not None:
            log.unexpected(error)
    log.process_stopping("a loop failed" if failed else "asked to")
    await door.close()
    await relay.stop()
    return failed
