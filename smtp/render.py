"""From a claimed delivery to the bytes that are sent: headers, body, signature.

Owns the form of our mail (RFC 5322, MIME, UTF-8 in base64 always) and the return path it leaves under. All
recipients of a broadcast share one body and most headers, so that what is individual costs a few hashes and
its signatures. Routine mail, and nothing else, carries the headers of RFC 8058. Refuses to know connections.
`prepare` reads what the letters need from the database and may block; `message` never does. Fails with
`UNWRITABLE` for one delivery at a time; `prepare` names those of which nothing can be made.
"""

import base64
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from peewee import DoesNotExist

from appliance import clock, confirmation, fault, log, token
from appliance.address import Address
from appliance.broadcast import wording
from appliance.config import Config
from appliance.delivery import Claimed
from appliance.delivery.letters import TO_STAFF, LetterKind
from appliance.directory.schools import classes
from appliance.errors import KaramailError, KeyRefused, SecretMissing
from appliance.keys import Keyring, Purpose, Slot, signing
from appliance.keystore import WARD
from appliance.models import Broadcast, Fault, School, SchoolClass
from appliance.registration import routine
from appliance.registration.request import link_token
from smtp import answer_address, checkpoint, faults, letters, return_path
from smtp.dkim import Signer, Template
from smtp.terms import Message

_TEMPLATES_MAX = 1000  # more than a ward has schools: all of them may send in one morning
_UNREADABLE = (LookupError, ValueError, ArithmeticError)  # of a row that no program of ours wrote
UNWRITABLE = (KaramailError, *_UNREADABLE)
"""What `message` and `sign_ahead` fail with, for one delivery at a time."""
_WITH_FORM = (LetterKind.REPLY, LetterKind.ASK_AGAIN)
_WITH_LINK = (*_WITH_FORM, LetterKind.NOT_ENCRYPTED)
_UNASKED = (
    LetterKind.NEWCOMER,
    LetterKind.CHANGE,
    LetterKind.CHANGED,
    LetterKind.PROVE,
    LetterKind.CHECKPOINT,
    LetterKind.FAULT,
    *TO_STAFF,
)  # they answer no mail of their reader


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A broadcast as all its recipients share it. `routine`: each mail has a link of its own to stop them.

    `around`: of a test broadcast, the headers and the text before and after the link, which each mail has of
    its own.
    """

    template: Template
    routine: bool
    around: tuple[list[tuple[bytes, bytes]], str, str] | None = None


class Renderer:
    """One per worker process."""

    def __init__(self, config: Config, keyring: Keyring) -> None:
        self._config = config
        self._keyring = keyring
        mail = config.mail
        self._domain = mail.from_domain
        self._keys_version = keyring.signing_version()
        self._signer = Signer(self._domain, self._active_keys())
        self._return_key = keyring.secret("return-path.key")
        self._routine_key = keyring.secret(routine.SECRET)
        self._bounce = mail.bounce_domain.encode()
        self._registration = mail.registration_domain.encode()
        self._schools: dict[int, School] = {}
        self._classes: dict[int, list[SchoolClass]] = {}
        self._notes: dict[str, str] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._broadcasts: OrderedDict[int, _Prepared] = OrderedDict()

    def _active_keys(self) -> signing.Keys:
        keys = signing.active(self._keyring.signing_keys())
        if self._config.mail.dkim_ed25519:
            return keys
        return tuple(key for key in keys if key.algorithm is not signing.Algorithm.ED25519)

    def _follow_rotation(self) -> None:
        """Signs with newly activated keys from now on. Keys that cannot be read change nothing."""
        version = self._keyring.signing_version()
        if version == self._keys_version:
            return
        self._keys_version = version
        try:
            self._signer.replace(self._active_keys())
        except SecretMissing as error:
            log.signing_keys_unusable(error)
        else:
            log.signing_keys_changed()

    @property
    def signer(self) -> Signer:
        """For mail that is no delivery."""
        return self._signer

    def prepare(self, claims: Iterable[Claimed]) -> set[int]:
        """Reads the broadcasts and schools of these claims that are not at hand yet. Blocks.

        Returns the ids of those of which nothing can be made: a row that no program of ours wrote fails by
        itself, and nobody else's mail with it.
        """
        self._follow_rotation()
        claims = list(claims)
        for school_id in {claimed.school_id for claimed in claims if claimed.kind in _WITH_FORM}:
            self._classes[school_id] = classes(school_id)  # read anew: they change
        return {claimed.id for claimed in claims if not self._is_at_hand(claimed)}

    def _is_at_hand(self, claimed: Claimed) -> bool:
        try:
            self._read(claimed)
        except (DoesNotExist, *_UNREADABLE) as error:
            log.rendering_failed(claimed.id, error)
            return False
        return True

    def _read(self, claimed: Claimed) -> None:
        if claimed.kind == LetterKind.CHECKPOINT:
            self._notes[claimed.about] = checkpoint.read(self._config, int(claimed.about))
        if claimed.kind == LetterKind.FAULT:
            self._faults[claimed.about] = fault.told(claimed.about)
        if claimed.school_id != WARD and claimed.school_id not in self._schools:
            self._schools[claimed.school_id] = School.get_by_id(claimed.school_id)
        if claimed.broadcast_id is None:
            return
        if claimed.broadcast_id not in self._broadcasts:
            self._broadcasts[claimed.broadcast_id] = self._broadcast(claimed.broadcast_id)
        self._broadcasts.move_to_end(claimed.broadcast_id)
        if len(self._broadcasts) > _TEMPLATES_MAX:
            self._broadcasts.popitem(last=False)

    def _broadcast(self, broadcast_id: int) -> "_Prepared":
        broadcast = Broadcast.get_by_id(broadcast_id)
        school = self._schools.get(broadcast.school_id) or broadcast.school  # none: the ward's
        started: datetime = broadcast.started_at or clock.now()
        headers = [
            *self._from(school),
            (b"Subject", _words("Subject", wording.subject_line(school or self._config.ward, broadcast))),
            (b"Date", format_datetime(started).encode()),
            (b"Auto-Submitted", b"auto-generated"),
            (b"List-Id", b"<%s.%s>" % (_list(school), self._domain.encode())),
            *(() if broadcast.urgent else (_ONE_CLICK,)),
            *_MIME,
        ]
        text = wording.text(self._config.ward, school, broadcast)
        template = self._signer.template(headers, _body(text))
        if broadcast.category != wording.TEST:
            return _Prepared(template, routine=not broadcast.urgent)
        before, _, after = text.partition(wording.LINK)
        return _Prepared(template, routine=True, around=(headers, before, after))

    def message(self, claimed: Claimed, address: Address) -> Message:
        """The signed message of one delivery. `prepare` has seen the claim before."""
        local, template, individual = self._parts(claimed, address)
        content = template.sign(individual, self._made_ahead(claimed))
        return Message(claimed.id, b"%s@%s" % (local, self._bounce), address.wire().encode(), content)

    def sign_ahead(self, claimed: Claimed, address: Address) -> bytes:
        """The signatures of a message that may not leave yet, sealed. `prepare` has seen it before."""
        _, template, individual = self._parts(claimed, address)
        return self._keyring.seal(_ahead_slot(claimed), template.sign_ahead(individual).decode("ascii"))

    def _made_ahead(self, claimed: Claimed) -> bytes:
        if claimed.prepared is None:
            return b""
        try:
            return self._keyring.open(_ahead_slot(claimed), claimed.prepared).encode("ascii")
        except KeyRefused:  # not of this row: sign anew
            return b""

    def _parts(self, claimed: Claimed, address: Address) -> tuple[bytes, Template, list[tuple[bytes, bytes]]]:
        """The return path's local part, what the message shares with others, and its own headers."""
        local = return_path.mint(self._return_key, claimed.id, claimed.created_at).encode()
        answers = answer_address.mint(self._return_key, claimed.id).encode()
        # The Message-ID is stable over retries, so that a receiver can tell a double.
        individual = [
            (b"Message-ID", b"<%s@%s>" % (local, self._domain.encode())),
            (b"To", b"<%s>" % address.wire(quoted=True).encode()),
        ]
        if claimed.kind not in TO_STAFF:
            individual.append((b"Reply-To", b"<%s@%s>" % (answers, self._registration)))
        if claimed.broadcast_id is not None:
            prepared = self._broadcasts[claimed.broadcast_id]
            template = prepared.template
            if prepared.around is not None:
                headers, before, after = prepared.around
                link = self._confirmation_link(claimed)
                template = self._signer.template(headers, _body(f"{before}{link}{after}"))
            if prepared.routine:
                individual.append((b"List-Unsubscribe", self._stop_link(claimed.address_id)))
        else:
            template = self._letter(claimed)
        return local, template, individual

    def _stop_link(self, address_id: int) -> bytes:
        """Of routine mail only: no careless tap may silence an alarm."""
        token = routine.stop_token(self._routine_key, address_id)
        return f"<{self._config.guardian.origin}/u/{token}>".encode("ascii")

    def _confirmation_link(self, claimed: Claimed) -> str:
        return f"{self._config.guardian.origin}/k/{confirmation.token(self._routine_key, claimed.id)}"

    def _letter(self, claimed: Claimed) -> Template:
        school = self._schools.get(claimed.school_id)
        ward = self._config.ward
        url, note, more = "", "", {}
        if claimed.kind == LetterKind.CHECKPOINT:
            note = self._notes[claimed.about]
            more = checkpoint.marks(self._config, note) if note else {}
        elif claimed.kind == LetterKind.FAULT:
            more = faults.marks(self._config, self._faults[claimed.about])
        if claimed.kind in _WITH_LINK and claimed.registration_id is not None:
            link = token.write(link_token(self._keyring, claimed.registration_id))
            url = f"{self._config.guardian.origin}/r/{link}"
        elif claimed.kind == LetterKind.PROVE:
            url = self._confirmation_link(claimed)
        subject, text = letters.write(
            LetterKind(claimed.kind),
            claimed.language,
            about=claimed.about,
            classes=self._classes.get(claimed.school_id, ()) if self._config.mail.tls_cert else None,
            school=school.name if school else ward.name,
            school_en=school.name_en if school else ward.name_en,
            ward=ward.name,
            ward_en=ward.name_en,
            url=url,
            hours=str(self._config.registration.token_hours),
            inquiry=f"お問い合わせ / Questions: {ward.inquiry}" if ward.inquiry else "",
            **more,
        )
        return self._signer.template(
            [
                *self._from(school),
                (b"Subject", _words("Subject", subject)),
                (b"Date", format_datetime(claimed.created_at).encode()),
                (b"Auto-Submitted", b"auto-generated" if claimed.kind in _UNASKED else b"auto-replied"),
                *(checkpoint.HEADERS if note else _MIME),
            ],
            checkpoint.body(text, note) if note else _body(text),
        )

    def _from(self, school: School | None) -> list[tuple[bytes, bytes]]:
        name = school.name if school else self._config.ward.name
        address = self._config.mail.from_address.encode()
        return [(b"From", b"%s\r\n <%s>" % (_words("From", name), address))]


_ONE_CLICK = (b"List-Unsubscribe-Post", b"List-Unsubscribe=One-Click")  # RFC 8058 3.1
_MIME = (
    (b"MIME-Version", b"1.0"),
    (b"Content-Type", b"text/plain; charset=utf-8"),
    (b"Content-Transfer-Encoding", b"base64"),
)


def _list(school: School | None) -> bytes:
    return b"school-%d" % school.id if school else b"ward"


def _ahead_slot(claimed: Claimed) -> Slot:
    return Slot(Purpose.ADDRESSES, "prepared", "signed", claimed.school_id, claimed.id)


def _words(header: str, text: str) -> bytes:
    """RFC 2047, in lines of at most 76; safe against line breaks because encoded words hold none."""
    words = Header(text, "utf-8", maxlinelen=76, header_name=header)
    return words.encode(linesep="\r\n").encode("ascii")


def _body(text: str) -> bytes:
    return base64.encodebytes(text.replace("\n", "\r\n").encode()).replace(b"\n", b"\r\n")
