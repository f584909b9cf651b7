"""Every way in which the domain says no, as a tree of sentences.

Owns the exceptions that cross a room's wall. Refuses to know how they are shown: a page, an SMTP
reply and the command line each translate them for their own reader. Messages carry no personal data,
because messages end in logs.

    KaramailError
    ├── OperatorError            somebody must mend the installation
    │   ├── ConfigInvalid        the configuration file names file, key and expectation
    │   ├── SecretMissing        a credential file is absent or malformed
    │   ├── DatabaseUnavailable  no connection, or a commit whose outcome is unknown
    │   ├── JournalRefused       the disk takes no line of a worker's journal
    │   ├── SchemaMismatch       the database is older or newer than this program
    │   └── PortBusy             an address to listen on is taken
    ├── KeyRefused               this zone holds no key for that purpose
    │   └── SealBroken           the sealed value does not belong where it stands
    ├── AddressInvalid           not an address that any carrier issues
    ├── NotYours                 the object does not exist, or not for this actor (never said which)
    ├── NotAllowed               the actor may see the object but not do this; carries the reason
    ├── LoginRefused             wrong id or password, suspended, throttled; one word for outside
    ├── FactorRefused            a passkey, a code or a password did not prove who is there
    ├── DeviceRefused            this device, or this network, does not lead to this site
    ├── InvitationInvalid        the link that sets a password is unknown, over or used
    ├── WrongState               the object's state has no such transition
    ├── RegistrationError
    │   ├── TokenUnknown · TokenExpired (SchoolClosed) · TokenUsed
    │   ├── ClassGone            the class vanished between page and answer
    │   ├── NameInvalid          carries field and reason
    │   └── BudgetSpent          too many requests from one address, network or domain, or to one code
    ├── AnswerStranger           an answer from another address than the mail went to
    └── BroadcastError
        ├── AudienceEmpty        nobody would get it
        ├── AudienceChanged      the number that was shown is no longer true
        └── TextInvalid          carries field and reason
"""


class KaramailError(Exception):
    """Base of all of them."""


class OperatorError(KaramailError):
    """Somebody who runs the appliance has to act; the message says where and what to run."""


class ConfigInvalid(OperatorError):
    """The configuration is wrong; the message names file, key and what was expected."""


class SecretMissing(OperatorError):
    """A credential file is absent, empty or malformed."""


class DatabaseUnavailable(OperatorError):
    """No connection, or a commit whose outcome nobody knows: answer 451, ask again."""


class JournalRefused(OperatorError):
    """A worker that cannot note what it sends must not send; it ends, and is started again."""


class SchemaMismatch(OperatorError):
    """The database needs `karamail db migrate`, or a newer program."""


class PortBusy(OperatorError):
    """An address to listen on is already taken."""


class KeyRefused(KaramailError):
    """The zone holds no key for this purpose; `SealBroken` where it is the value that is wrong."""


class SealBroken(KeyRefused):
    """The sealed value does not belong to this slot: it was damaged, or written by who had no right to."""


class AddressInvalid(KaramailError):
    """Not a mail address. `reason` is a fixed phrase and never holds the text itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotYours(KaramailError):
    """There is no such object, or none for this actor. Callers never learn which."""


class NotAllowed(KaramailError):
    """The actor sees the object but may not do this. `reason` is a key that pages translate."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LoginRefused(KaramailError):
    """No session. `reason` is for the operation record; pages say the same to everybody but `wait`."""

    def __init__(self, reason: str, *, wait_s: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class FactorRefused(KaramailError):
    """Who is there was not proved. `reason` is a key that pages translate."""

    def __init__(self, reason: str, *, wait_s: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class DeviceRefused(KaramailError):
    """Not from here. `reason` is a key that pages translate."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvitationInvalid(KaramailError):
    """The link sets no password. `reason`: `unknown`, `expired`, `used`, `ended`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WrongState(KaramailError):
    """The transition is not in the table of `appliance.states`."""


class RegistrationError(KaramailError):
    """A registration cannot be asked for or completed."""


class TokenUnknown(RegistrationError):
    """No such link was ever sent, or it was mistyped."""


class TokenExpired(RegistrationError):
    """The link's time is over; a new empty mail brings a new one."""


class ProofUsedUp(RegistrationError):
    """Too many wrong names for an address in doubt; the school can vouch for it."""


class SchoolClosed(TokenExpired):
    """The link ended with its school; a new empty mail to that school brings none."""


class TokenUsed(RegistrationError):
    """The link has done its work."""


class ClassGone(RegistrationError):
    """The class is not, or no longer, one of this school's."""


class NameInvalid(RegistrationError):
    """A name cannot be taken as written. `field` is child_name or guardian_name."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class BudgetSpent(RegistrationError):
    """Too much of something in an hour; answer 451 4.7.1, the same whatever it was."""


class AnswerStranger(KaramailError):
    """An answer came from another address than the mail went to; nothing happens."""


class NoteInvalid(KaramailError):
    """A checkpoint or a verifier key that cannot be read, or whose signature is missing or wrong."""


class TreeBroken(KaramailError):
    """The operation record no longer begins with what a witness or the ward has seen of it."""


class BroadcastError(KaramailError):
    """A broadcast cannot be written or sent as it stands."""


class AudienceEmpty(BroadcastError):
    """Nobody would receive it."""


class AudienceChanged(BroadcastError):
    """The number of addresses that was shown is no longer true; show it again."""

    def __init__(self, shown: int, now: int) -> None:
        super().__init__(f"{shown} addresses shown, {now} now")
        self.shown = shown
        self.now = now


class ContentChanged(BroadcastError):
    """Somebody else has changed it since it was shown; show it again."""


class TextInvalid(BroadcastError):
    """Subject or text cannot be sent as written."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
