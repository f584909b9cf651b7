"""Every reply that the listener can give, with its enhanced status code.

Owns code, enhanced code (RFC 3463, announced as ENHANCEDSTATUSCODES, RFC 2034) and text of each. No reply
is made up elsewhere: what a peer hears is in this table, so no fault and no address gets onto the wire.
Greeting, EHLO and 354 carry no enhanced code, as RFC 2034 section 4 wants. Cannot fail.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `enhanced` is empty where the RFC forbids it; `wire` is the line as sent."""

    code: int
    enhanced: str
    text: str

    wire: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        words = filter(None, (str(self.code), self.enhanced, self.text))
        object.__setattr__(self, "wire", " ".join(words).encode("ascii") + b"\r\n")

    @property
    def is_protest(self) -> bool:
        """Permanent refusals count against the session; temporary ones are our own business."""
        return self.code >= 500


# --- 2xx and 3xx
BYE = Reply(221, "2.0.0", "Bye")
OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
TAKEN = Reply(250, "2.0.0", "Taken and kept")
NOT_VERIFIED = Reply(252, "2.5.0", "Not verified; send the mail and see")
HELP = Reply(214, "2.0.0", "See RFC 5321")
TLS_READY = Reply(220, "2.0.0", "Ready to start TLS")
GO_AHEAD = Reply(354, "", "End with <CRLF>.<CRLF>")

# --- 421: the session ends
SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down, try again soon")
TOO_MANY_SESSIONS = Reply(421, "4.3.2", "Too many sessions at the moment")
TOO_MANY_FROM_NETWORK = Reply(421, "4.7.0", "Too many sessions from your network")
TOO_MANY_ARRIVALS = Reply(421, "4.7.0", "Too many connections from your network in one minute")
NO_PROXY_HEADER = Reply(421, "4.7.0", "A PROXY header is expected from you")
SESSION_TOO_LONG = Reply(421, "4.4.2", "Session lasted too long")
IDLE_TOO_LONG = Reply(421, "4.4.2", "Waited too long")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands")
NOT_HTTP = Reply(421, "4.7.0", "This is not a web server")
FLOODED = Reply(421, "4.3.4", "Far too much data")

# --- 4xx: try again
NOT_NOW = Reply(451, "4.3.0", "Not kept, try again later")
BUDGET_SPENT = Reply(451, "4.7.1", "Too many mails for now, try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the rest separately")
SEND_SEPARATELY = Reply(452, "4.5.3", "Send a separate mail to this recipient")
POSTMASTER_FULL = Reply(452, "4.3.1", "No room at the moment")

# --- 5xx: protocol
UNKNOWN_COMMAND = Reply(500, "5.5.1", "Unknown command")
BAD_LINE = Reply(500, "5.5.2", "Command not understood")
LINE_TOO_LONG = Reply(500, "5.5.2", "Command line too long")
BAD_HELLO = Reply(501, "5.5.4", "Host name expected")
BAD_MAIL = Reply(501, "5.5.2", "Syntax: MAIL FROM:<address>")
BAD_RCPT = Reply(501, "5.5.2", "Syntax: RCPT TO:<address>")
BAD_SENDER = Reply(501, "5.1.7", "Malformed sender address")
BAD_RECIPIENT = Reply(501, "5.1.3", "Malformed recipient address")
BAD_PARAMETER = Reply(501, "5.5.4", "Malformed parameter")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
HELLO_FIRST = Reply(503, "5.5.1", "EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "RCPT first")
NESTED_MAIL = Reply(503, "5.5.1", "A mail is already begun")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is already on")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized")
NOT_ASCII = Reply(553, "5.6.7", "Only ASCII addresses are taken here")

# --- 554: the session ends
TOO_EARLY = Reply(554, "5.5.1", "You spoke before the greeting")
NO_PROXY = Reply(554, "5.5.1", "You are no proxy of ours")

# --- 5xx: this mail
NO_SUCH_RECIPIENT = Reply(550, "5.1.1", "No such recipient")
NOBODY_READS = Reply(550, "5.7.1", "This address only sends; nobody reads answers to it")
NO_RELAYING = Reply(550, "5.7.1", "Relaying denied")
NOT_ANSWERED = Reply(550, "5.7.1", "Automatic mail is not answered here")
NOT_AUTHENTIC = Reply(550, "5.7.1", "The sender's domain does not vouch for this mail")
TOO_LARGE = Reply(552, "5.3.4", "Mail too large")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
NOT_WHO_GOT_IT = Reply(550, "5.7.1", "Please answer from the address that got our mail")
LOOP = Reply(554, "5.4.6", "Mail loops")
HEADER_TOO_LARGE = Reply(554, "5.6.0", "Header too large")


def every() -> dict[str, Reply]:
    """All of them by name; tests hold the daemon to it."""
    return {name: value for name, value in globals().items() if isinstance(value, Reply)}


def banner(hostname: str) -> bytes:
    """The greeting; it names neither the program nor its version."""
    return f"220 {hostname} ESMTP\r\n".encode("ascii")


def hello(hostname: str) -> bytes:
    """To HELO."""
    return f"250 {hostname}\r\n".encode("ascii")


def extended_hello(hostname: str, max_size_bytes: int, *, starttls: bool) -> bytes:
    """To EHLO: what we really do, and nothing else. No AUTH, DSN, CHUNKING or SMTPUTF8."""
    offers = ["PIPELINING", f"SIZE {max_size_bytes}", "8BITMIME", "ENHANCEDSTATUSCODES"]
    if starttls:
        offers.insert(0, "STARTTLS")
    lines = [hostname, *offers]
    return b"".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n".encode("ascii") for line in lines)
