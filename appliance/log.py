"""Log lines: one function per event, JSON, nothing personal.

Owns the format of every line that any process of Karamail writes, and the list of what may stand in one:
ids, counts, codes, closed words, seconds. Refuses addresses, names, reply texts, URLs, tokens and free
text; there is no function that takes a message. Writes to standard error, where systemd or supervisor
picks it up. Fails silently: a full disk under the log must not stop a mail.
"""

import json
import logging
import os
import sys
from types import TracebackType

from appliance import clock

_zone = "?"
_MUTE = ("dkimpy",)  # complains of every malformed signature that a stranger sends
_QUIET = ("mail.log", "mail.debug", "aiosmtpd", "peewee", "asyncio")


def begin(zone: str, worker: str = "") -> None:
    """Names this process in all its lines and silences libraries that would print content."""
    global _zone
    _zone = f"{zone}/{worker}" if worker else zone
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in _MUTE:
        logging.getLogger(name).disabled = True


class _LibraryHandler(logging.Handler):
    """A library's warning becomes an event that names the library and the place, never its text."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        _line("library.warning", logger=record.name, at=f"{record.module}:{record.lineno}", error=kind)


def _line(event: str, **fields: str | int | float | bool | None) -> None:
    entry = {"at": clock.now().isoformat(timespec="milliseconds"), "zone": _zone, "event": event, **fields}
    try:
        os.write(sys.stderr.fileno(), (json.dumps(entry, ensure_ascii=False) + "\n").encode())
    except (OSError, ValueError):
        pass


# --- processes


def process_started(**fields: str | int) -> None:
    """A process is ready; fields are counts and settings, no paths of people."""
    _line("process.started", pid=os.getpid(), **fields)


def process_stopping(reason: str) -> None:
    _line("process.stopping", reason=reason)


def unexpected(error: BaseException) -> None:
    """A fault nobody foresaw: its type and the innermost place, never its text, which may quote data."""
    place, frame = "", error.__traceback__
    while isinstance(frame, TracebackType):
        code = frame.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{frame.tb_lineno}:{code.co_name}"
        frame = frame.tb_next
    _line("unexpected", error=type(error).__name__, place=place)


def database_unavailable(error: BaseException) -> None:
    cause = error.__cause__
    _line("database.unavailable", error=type(cause or error).__name__)


# --- the relay


def claimed(site: str, count: int) -> None:
    _line("delivery.claimed", site=site, count=count)


def settled(accepted: int, deferred: int, failed: int, lost: int, ms: int) -> None:
    """One group commit; `lost` were no longer ours to settle."""
    _line("delivery.settled", accepted=accepted, deferred=deferred, failed=failed, lost=lost, ms=ms)


def journal_replayed(outcomes: int, uncertain: int, released: int) -> None:
    _line("journal.replayed", outcomes=outcomes, uncertain=uncertain, released=released)


def journal_refused(error: OSError) -> None:
    """The worker ends, or does not begin to send: most likely the disk is full."""
    _line("journal.refused", error=os.strerror(error.errno) if error.errno else type(error).__name__)


def connection_ended(site: str, messages: int, why: str, throttled: bool) -> None:
    _line("relay.connection", site=site, messages=messages, why=why, throttled=throttled)


def attempt_failed(delivery_id: int, site: str, code: int, enhanced: str, reason: str) -> None:
    _line("attempt.failed", delivery=delivery_id, site=site, code=code, enhanced=enhanced, reason=reason)


def mta_sts_fetched(failure: str) -> None:
    """A receiving domain's MTA-STS policy was fetched, or not: RFC 8460's word for why."""
    _line("transport.mta_sts", failure=failure)


def tls_reported(sent: bool, attempts: int) -> None:
    """A day's TLS report to one domain, at this attempt."""
    _line("transport.tls_report", sent=sent, attempts=attempts)


def tls_failed(site: str, kind: str, failure: str, refused: bool) -> None:
    """A session whose TLS was not as it should be; `refused`: nothing was sent over it."""
    _line("transport.tls", site=site, policy=kind, failure=failure, refused=refused)


def rendering_failed(delivery_id: int, error: BaseException) -> None:
    _line("render.failed", delivery=delivery_id, error=type(error).__name__)


def seal_broken(table: str, row_id: int) -> None:
    """What is sealed in that row cannot be read any more, or was never written by us."""
    _line("seal.broken", table=table, row=row_id)


def signing_keys_changed() -> None:
    """Mail is signed with other DKIM keys from now on."""
    _line("signing.keys_changed")


def signing_keys_unusable(error: BaseException) -> None:
    """The file of DKIM keys was changed and cannot be used; those before it sign on."""
    _line("signing.keys_unusable", error=type(error).__name__)


# --- inbound mail


def inbound_listening(endpoints: int, tls: bool) -> None:
    _line("inbound.listening", endpoints=endpoints, tls=tls)


def inbound_refused(reason: str) -> None:
    """A session or a mail that was not taken: sessions, early, proxy, automatic, header."""
    _line("inbound.refused", reason=reason)


def inbound_ended(enhanced: str, reason: str) -> None:
    """A session that we ended with 421; `reason` is our own fixed text."""
    _line("inbound.ended", enhanced=enhanced, reason=reason)


def budget_spent(kind: str, refused: int) -> None:
    """An alarm, once a minute at most: mails wait (451) because a budget of this kind is spent."""
    _line("budget.spent", kind=kind, refused=refused)


def inbound_doubted(judgement: str, refused: bool) -> None:
    """The sender's domain did not vouch for an empty mail: fail, none, or trouble in asking."""
    _line("inbound.doubted", judgement=judgement, refused=refused)


def certificate_renewed(days_left: int) -> None:
    """Handshakes use the new certificate from now on."""
    _line("certificate.renewed", days_left=days_left)


def certificate_broken(error: BaseException) -> None:
    """The new files cannot be loaded; the old certificate stays in use. An alarm: it will run out."""
    _line("certificate.broken", error=type(error).__name__)


def inbound_written(mails: int, ms: int) -> None:
    """One group commit of empty mails."""
    _line("inbound.written", mails=mails, ms=ms)


def inbound_late(mails: int) -> None:
    """The commit took longer than a peer is let wait; it was told 451 and will come again."""
    _line("inbound.late", mails=mails)


def postmaster_kept(waiting: int) -> None:
    """Mail for postmaster or abuse was stored; somebody should read what is waiting."""
    _line("postmaster.kept", waiting=waiting)


def postmaster_refused(error: BaseException) -> None:
    _line("postmaster.refused", error=type(error).__name__)


def answer_taken(delivery_id: int, done: str) -> None:
    """An answer to one of our mails; `done` is a word of `appliance.answer.Done`, never of the guardian's."""
    _line("answer.taken", delivery=delivery_id, done=done)


def bounce_received(delivery_id: int, class_: str, cause: str, news: str) -> None:
    """Mail to one of our return paths, in the closed words of `smtp.bounce` and of `appliance.delivery.News`.

    `class_` is `none` where it is no bounce.
    """
    _line("bounce.received", delivery=delivery_id, **{"class": class_}, cause=cause, news=news)


# --- registration


def doubted(school_id: int, doubted: int, asked: int) -> None:
    """Addresses of a school may be somebody else's by now; so many were asked."""
    _line("address.doubted", school=school_id, doubted=doubted, asked=asked)


def proof(*, right: bool) -> None:
    """Somebody wrote a name where an address was asked to prove itself."""
    _line("address.proof", right=right)


def tests_begun(school_id: int, addresses: int) -> None:
    """The monthly test broadcast of a school has been queued by itself."""
    _line("broadcast.test_begun", school=school_id, addresses=addresses)


def routine_switched(*, off: bool) -> None:
    """A guardian has switched routine mail off, or on again, by the link in a mail."""
    _line("routine.switched", off=off)


# --- the operation record


def records_sealed(count: int, size: int) -> None:
    """New records got their place in the tree, and a checkpoint was signed."""
    _line("record.sealed", count=count, size=size)


def record_cosigned(size: int) -> None:
    _line("record.cosigned", size=size)


def record_broken(error: BaseException) -> None:
    """An alarm: the record does not continue what was seen of it. Nothing is cosigned any more."""
    _line("record.broken", error=type(error).__name__)


# --- logs themselves


def logs_sealed(member: str, day: str, digest: str, chain: str) -> None:
    """The file of a member's day got its seal; other members keep this line."""
    _line("logs.sealed", member=member, day=day, digest=digest, chain=chain)


def logs_expired(files: int) -> None:
    _line("logs.expired", files=files)


# --- the web sites


def web_request(endpoint: str, method: str, status: int, ms: int) -> None:
    """One answered request, by the name of its view: an address in the log would be a key in the log."""
    _line("web.request", endpoint=endpoint, method=method, status=status, ms=ms)


def web_refused(reason: str) -> None:
    """A request that no view saw: host, foreign_page, form_proof."""
    _line("web.refused", reason=reason)


def site_unreachable(site: str, deferred: int, reason: str) -> None:
    """No host of the site let us in; what waited for it comes back later."""
    _line("relay.unreachable", site=site, deferred=deferred, reason=reason)


# --- the watch


def alertmanager_silent(error: BaseException) -> None:
    """What is wrong on the nodes could not be asked for; no letter speaks of it for now."""
    _line("watch.alertmanager_silent", error=str(error))


def held_up(zone: str) -> None:
    """A connection of this zone kept other zones waiting, and was ended."""
    _line("watch.held_up", by=zone)


def journal_ended(code: int) -> None:
    """What zones do is not counted for a moment: the journal could not be followed any more."""
    _line("watch.journal_ended", code=code)
