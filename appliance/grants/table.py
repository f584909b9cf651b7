"""The table of grants: role × table × select, insert, update, delete, by column where it matters.

Owns the least that the code of each zone and each keeper of the record needs; whatever is not here is refused
by PostgreSQL, also to whoever has taken over the zone. Two rules stand above the rows: a sealed column
(`SealedField`) is never in a read that does not name it, and `audit` is append-only for everybody. Refuses
SQL: `apply` writes it. A table that misses here fails `tests/zones/test_grants.py`.
"""

from dataclasses import dataclass
from typing import Literal

from appliance.config import Keeper, Zone

Holder = Zone | Keeper
"""Whose role it is."""
HOLDERS: tuple[Holder, ...] = (*Zone, *Keeper)

Columns = tuple[str, ...] | Literal["all", "unsealed", "none"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What one zone may do with one table. `unsealed` is every column that is no `SealedField`."""

    select: Columns = "none"
    insert: Columns = "none"
    update: Columns = "none"
    delete: bool = False


_READ = Rights(select="all")
_READ_UNSEALED = Rights(select="unsealed")
_APPEND = Rights(select="all", insert="all")
_OWN = Rights(select="all", insert="all", update="all", delete=True)
_RECORD = (
    "at", "account_id", "role", "zone", "session_id", "network",
    "act", "object_kind", "object_id", "school_id", "result", "detail", "device_id", "reason",
)  # fmt: skip

# Where a broadcast stands, not what it says.
_COURSE = (
    "state", "submitted_at", "decided_by_id", "decided_at", "started_at", "finished_at", "useful_until",
)  # fmt: skip
# How a mail fares, not whose it is.
_PASSAGE = ("state", "site", "lane", "next_at", "due_at", "created_at", "settled_at", "lease_until")
_STOPPED_OR_LATE = ("state", "settled_at", "turn", "next_at", "due_at", "expires_at")
_SESSION = ("seen_at", "ended_at", "confirmed_at")
_ENROLMENT = ("state", "token_hash", "code_hash", "code_ends_at", "enrolled_at", "ends_at", "ended_at")

_RENEWAL = ("os", "os_version", "firewall", "screen_lock", "renewal_at")

_CONFIRMED = (
    "state", "child_id", "guardian_name_sealed", "confirmed_at", "ended_at", "doubted_at", "doubt",
    "proof_tries", "proved_at",
)  # fmt: skip

_NOTICE_TOKEN = ("token_hash", "token_ends_at")

_G, _S, _A, _M = Zone.GUARDIAN, Zone.SENDER, Zone.ADMIN, Zone.MAIL
_SEALER, _WITNESS, _WATCH = Keeper.SEALER, Keeper.WITNESS, Keeper.WATCH

BARE = "schema_migration"
"""Not a model: every zone reads it, to refuse a schema that is not its program's."""

GRANTS: dict[str, dict[Holder, Rights]] = {
    # Keys. Made by operators' commands only: whoever writes a public key reads what is sealed to it.
    "zone_key": {},
    "school_key": {_G: _READ, _A: _READ, _M: _READ},
    "wrapped_key": {_A: _READ, _M: _READ},
    # The ward. Schools are made by operators' commands.
    "school": {_G: _READ, _S: _READ, _A: Rights("all", update=("tests_by",)), _M: _READ},
    # To lock a row takes the right to update a column of it; the policy below lets no update through.
    "school_class": {
        _G: Rights(select="all", update=("id",)),
        _S: _READ,
        _A: Rights(select="all", insert="all", update=("retired_at",)),
        _M: Rights(select="all", update=("id",)),
    },
    "security_code": {_A: Rights("all", "all", ("state", "retired_at")), _M: _READ},
    # Accounts. The send-only site lets people in and changes nothing of theirs.
    "account": {
        _S: _READ,
        # Whether who switched the monthly test on may still send, and whose password is due.
        _M: Rights(("id", "role", "state", "password_changed_at")),
        # The people's pages are there: who takes the site over can let people in, and is seen in the record.
        _A: Rights(
            "all",
            "all",
            ("role", "duty", "display_name", "state", "password_phc", "password_changed_at"),
        ),
    },
    "account_school": {_S: _READ, _A: Rights("all", "all", delete=True), _M: _READ},
    "person_report": {_A: Rights("all", "all", ("state", "decided_by_id", "decided_at", "account_id"))},
    "invitation": {_A: Rights("all", "all", ("used_at", "ended_at"))},
    "training": {_A: _APPEND},
    "opening": {_A: _APPEND},
    "login_failure": {_S: Rights("all", "all", delete=True), _A: Rights("all", "all", delete=True)},
    "staff_session": {_S: Rights("all", "all", _SESSION), _A: Rights("all", "all", _SESSION)},
    # What people are told of their own login: noted where it happens, told by the mail zone, which
    # alone sets where to, by the empty mail that comes from there.
    "notice": {
        _S: Rights(("id",), ("account_id", "what", "at")),
        _A: Rights(("id",), ("account_id", "what", "at")),
        _M: Rights("all", ("account_id", "what", "at"), ("told_at",), delete=True),
    },
    "notice_address": {
        _A: Rights("all", ("account_id", *_NOTICE_TOKEN), _NOTICE_TOKEN, delete=True),
        _M: Rights("all", update=(*_NOTICE_TOKEN, "address_id", "since")),
    },
    # How people prove themselves, each site for itself; the ward officer takes lost factors back on both.
    "factor": {
        _S: Rights("all", "all", ("name", "sign_count", "last_step", "used_at"), delete=True),
        _A: Rights("all", "all", ("name", "sign_count", "last_step", "used_at"), delete=True),
    },
    "recovery_code": {
        _S: Rights("all", "all", ("used_at",), delete=True),
        _A: Rights("all", "all", ("used_at",), delete=True),
    },
    "challenge": {_S: Rights("all", "all", delete=True), _A: Rights("all", "all", delete=True)},
    # A holder asks on either site; the ward decides. The send-only site never touches a school device.
    "device": {
        _S: Rights("all", "all", (*_ENROLMENT, *_RENEWAL)),
        _A: Rights("all", "all", (*_ENROLMENT, *_RENEWAL, "decided_by_id", "decided_at")),
    },
    "audit": {
        _S: Rights(("id",), _RECORD),
        _A: Rights("all", _RECORD),
        _M: Rights(("id",), _RECORD),
        _SEALER: _READ,
    },
    # The tree is written by the sealer and the witnesses, which belong to no zone; the mail zone mails it.
    "audit_leaf": {_A: _READ, _SEALER: _APPEND, _WITNESS: _READ},
    "audit_node": {_SEALER: _APPEND, _WITNESS: _READ},
    "audit_checkpoint": {_M: _READ, _SEALER: _APPEND, _WITNESS: _READ},
    "audit_cosignature": {_M: _READ, _WITNESS: _APPEND},
    "audit_mailed": {_M: _APPEND},
    # What guardians gave us.
    "address": {
        _G: Rights("unsealed", update=("language", "routine_off_at")),
        _S: _READ_UNSEALED,
        _A: Rights("all", update=("sealed", "address_index", "left_at", "language", "routine_off_at")),
        _M: _OWN,
    },
    "child": {
        _G: Rights("unsealed", "all", update=("id",)),
        _S: _READ_UNSEALED,
        _A: Rights("all", update="all", delete=True),
        _M: Rights("unsealed", "all", update=("id",), delete=True),
    },
    "registration": {
        _G: Rights(
            "unsealed",
            update=_CONFIRMED,
        ),
        _S: _READ_UNSEALED,
        _A: Rights("all", update="all"),
        _M: Rights("unsealed", "all", "all", delete=True),
    },
    "inbound": {_M: _OWN},
    "inquiry": {_A: _READ, _M: Rights("unsealed", "all", delete=True)},
    "confirmation": {_G: _APPEND, _S: _READ, _A: _READ, _M: Rights("all", "all", delete=True)},
    # Broadcasts and the queue. What staff write is theirs on both sites; the mail zone only ends it.
    "broadcast": {
        _S: Rights("all", "all", "all"),
        _A: Rights("all", "all", "all"),
        _G: Rights(("id", "category")),
        _M: Rights("all", "all", _COURSE),  # it writes test broadcasts only
        _WATCH: Rights(("id", "state")),
    },
    "broadcast_school": {_S: _APPEND, _A: _APPEND},
    "delivery": {
        _G: Rights(("id", "kind", "school_id", "address_id", "broadcast_id", "created_at"), "all"),
        _S: Rights("all", "all", _STOPPED_OR_LATE),
        _A: Rights("all", "all", _STOPPED_OR_LATE),
        _M: _OWN,
        _WATCH: Rights(("id", *_PASSAGE)),
    },
    "attempt": {
        _S: _READ,
        _A: _READ,
        _M: Rights("all", "all", delete=True),
        _WATCH: Rights(("delivery_id", "at", "kind")),
    },
    "noted_bounce": {_M: _OWN},
    "prepared": {_M: _OWN},
    "worker": {_S: _READ, _A: _READ, _M: _OWN, _WATCH: _READ},
    "pace": {_S: _READ, _A: _READ, _M: _APPEND},
    # Transport and the door.
    "mta_sts_policy": {_M: _OWN},
    "tls_tally": {_M: _OWN},
    "tls_report": {_M: _OWN},
    "budget_use": {_M: _OWN},
    "code_pause": {_A: _READ, _M: _OWN, _WATCH: Rights(("until_at",))},
    "alarm": {_A: _READ, _M: _OWN, _WATCH: _READ},
    # What is wrong with the appliance: each node's watch writes it down, the mail zone tells it.
    "fault": {_WATCH: _OWN, _M: Rights("all", update=("told_at",))},
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rows (row-level security). `using` filters what is there, `check` what is written.

    Conditions stand as PostgreSQL reads them back, so that `inspect` can compare them.
    """

    command: Literal["select", "insert", "update", "delete"]
    using: str = "true"
    check: str = "true"

    @property
    def condition(self) -> str | None:
        """For rows that are there; an insert has none."""
        return None if self.command == "insert" else self.using

    @property
    def written(self) -> str | None:
        """For rows as they shall be."""
        return self.check if self.command in ("insert", "update") else None


_ALL_ROWS = (Policy("select"), Policy("insert"), Policy("update"), Policy("delete"))


def _only(command: Literal["insert", "update"], check: str, using: str = "true") -> tuple[Policy, ...]:
    return tuple(
        Policy(command, using, check) if policy.command == command else policy for policy in _ALL_ROWS
    )


def _sessions(zone: Zone) -> tuple[Policy, ...]:
    """A login on the other site can be ended from here, and nothing else."""
    own = f"(zone = '{zone}'::text)"
    return (
        Policy("select"),
        Policy("insert", check=own),
        Policy("update", f"({own} OR (ended_at IS NULL))", f"({own} OR (ended_at IS NOT NULL))"),
        Policy("delete"),
    )


def _own_rows(own: str, *, sees: str = "", removes: str = "") -> tuple[Policy, ...]:
    """Writes its own and no other; reads and removes them, too, where nothing else is said."""
    return (
        Policy("select", sees or own),
        Policy("insert", check=own),
        Policy("update", own, own),
        Policy("delete", removes or own),
    )


def _counted_by(zone: Zone) -> tuple[Policy, ...]:
    """Its own failed logins, and those of the version before, which named no zone."""
    return _own_rows(f"((zone = '{zone}'::text) OR (zone = ''::text))")


_IN_TURN = "(turn >= 0) AND (turn <= '4000000000000000000'::bigint)"
_FRESH = "(state = 'queued'::text) AND (attempts = 0) AND (claim_token IS NULL)"
_LETTER_OF_A_REGISTRATION = (
    f"((kind = ANY (ARRAY['welcome'::text, 'newcomer'::text])) AND {_FRESH} AND (lane = 1) AND {_IN_TURN}"  # noqa: S608
    " AND (about = ''::text) AND (EXISTS ( SELECT 1 FROM address a"
    " WHERE ((a.id = delivery.address_id) AND (a.school_id = delivery.school_id)))))"
)
"""What it could write besides would stand in the way of everybody's mail."""


def _queues(insert: str) -> tuple[Policy, ...]:
    """Rows that begin at the beginning, and that leave everybody else's turn alone."""
    return (
        Policy("select"),
        Policy("insert", check=f"({insert} AND {_IN_TURN})"),
        # What staff stop or send on late are broadcasts; letters are none of their business.
        Policy("update", "(kind = 'broadcast'::text)", f"((kind = 'broadcast'::text) AND {_IN_TURN})"),
        Policy("delete"),
    )


def _asked_by(zone: Zone) -> tuple[Policy, ...]:
    """Challenges of sessions on its own site."""
    return _own_rows(
        "(EXISTS ( SELECT 1 FROM staff_session s"  # noqa: S608
        f" WHERE ((s.id = challenge.session_id) AND (s.zone = '{zone}'::text))))"
    )


_FACTORS: dict[Holder, tuple[Policy, ...]] = {
    _S: _own_rows("(zone = 'sender'::text)"),
    _A: _own_rows("(zone = 'admin'::text)", sees="true", removes="true"),
}


_IN_ITS_SCHOOL = (
    "(EXISTS ( SELECT 1 FROM school_class k"
    " WHERE ((k.id = child.school_class_id) AND (k.school_id = child.school_id))))"
)
_SHORT = (
    "(octet_length(detail) <= 8000) AND (octet_length(reason) <= 2000) AND (octet_length(role) <= 200)"
    " AND (octet_length(network) <= 200) AND (octet_length(act) <= 200)"
    " AND (octet_length(object_kind) <= 200) AND (octet_length(result) <= 200)"
)
"""Many times what any record of ours holds; what is larger would fill disks for years."""

_NOT_THE_SCHOOLS = "(kind <> 'school'::text)"

POLICIES: dict[str, dict[Holder, tuple[Policy, ...]]] = {
    # A zone opens no session on another's site, and signs no record as another.
    "staff_session": {_S: _sessions(_S), _A: _sessions(_A)},
    # Nor does it count failed logins at another's door.
    "login_failure": {_S: _counted_by(_S), _A: _counted_by(_A)},
    # Nor does it make another's factors; and no device of the administration site comes from outside it.
    "factor": _FACTORS,
    "recovery_code": _FACTORS,
    "challenge": {_S: _asked_by(_S), _A: _asked_by(_A)},
    # A guardian's press shows that a mail arrived only where the mail asked for one: who could write others
    # would take families off the call sheet of an alarm.
    "confirmation": {
        _G: _only(
            "insert",
            "((how = 'link'::text) AND (EXISTS ( SELECT 1 FROM delivery d"
            " WHERE ((d.id = confirmation.delivery_id) AND ((d.kind = 'prove'::text) OR (EXISTS ( SELECT 1"
            " FROM broadcast b WHERE ((b.id = d.broadcast_id) AND (b.category = 'test'::text)))))))))",
        ),
        _S: (Policy("select"),),
        _A: (Policy("select"),),
        _M: _ALL_ROWS,
    },
    "device": {
        _S: (
            Policy("select"),
            Policy("insert", check=_NOT_THE_SCHOOLS),
            Policy("update", _NOT_THE_SCHOOLS, _NOT_THE_SCHOOLS),
            Policy("delete"),
        ),
        _A: _ALL_ROWS,
    },
    "audit": {
        _S: _only("insert", f"((zone = 'sender'::text) AND {_SHORT})"),
        _A: _only("insert", f"((zone = 'admin'::text) AND {_SHORT})"),
        _M: _only("insert", f"((zone = 'mail'::text) AND {_SHORT})"),
        _SEALER: (Policy("select"),),
    },
    # A witness's row is as short as a signature; whose it is, the signature says.
    "audit_cosignature": {
        _M: (Policy("select"),),
        _WITNESS: (
            Policy("select"),
            Policy("insert", check="((octet_length(name) <= 300) AND (octet_length(line) <= 600))"),
        ),
    },
    # A private key is useless to a zone it is not wrapped for; it need not see it either.
    "wrapped_key": {
        _A: (Policy("select", "(zone = 'admin'::text)"),),
        _M: (Policy("select", "(zone = 'mail'::text)"),),
    },
    # Staff sites queue broadcasts, the send-only site nothing else; the mail zone only test broadcasts.
    "broadcast": {
        _G: (Policy("select"),),
        _S: _ALL_ROWS,
        _A: _ALL_ROWS,
        _M: _only("insert", "(category = 'test'::text)"),
        _WATCH: (Policy("select"),),
    },
    "delivery": {
        _G: _only("insert", _LETTER_OF_A_REGISTRATION),
        _S: _queues(f"(kind = 'broadcast'::text) AND {_FRESH}"),
        _A: _queues(_FRESH),
        _M: _only(
            "insert",
            "((kind <> 'broadcast'::text) OR (EXISTS ( SELECT 1 FROM broadcast b"
            " WHERE ((b.id = delivery.broadcast_id) AND (b.category = 'test'::text)))))",
        ),
        _WATCH: (Policy("select"),),
    },
    "school_class": {
        _G: _only("update", "false"),
        _S: _ALL_ROWS,
        _A: _ALL_ROWS,
        _M: _only("update", "false"),
    },
    # A child is in a class of its own school, and a guardian asks about one of theirs.
    "child": {
        _G: (Policy("select"), Policy("insert", check=_IN_ITS_SCHOOL), Policy("update", check="false")),
        _S: _ALL_ROWS,
        _A: _ALL_ROWS,
        _M: _only("update", "false"),
    },
    # What is registered is out of the guardian form's reach, unless the address has to prove itself.
    "registration": {
        _G: _only(
            "update",
            "((state = ANY (ARRAY['confirmed'::text, 'expired'::text])) AND ((child_id IS NULL)"
            " OR (EXISTS ( SELECT 1 FROM child c"
            " WHERE ((c.id = registration.child_id) AND (c.school_id = registration.school_id))))))",
            using="((state = 'requested'::text) OR (doubted_at IS NOT NULL))",
        ),
        _S: _ALL_ROWS,
        _A: _ALL_ROWS,
        _M: _ALL_ROWS,
    },
}
