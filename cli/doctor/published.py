"""Does the world see the records that it should? (`karamail dns`, asked back)

Owns the comparison of `cli.records` with what the configured nameservers answer, and its weight. Refuses to
judge what is not ours. A nameserver that does not answer is a finding, never a fault of the command.
"""

from collections import defaultdict
from collections.abc import Iterator

from appliance.config import Config
from appliance.errors import OperatorError
from appliance.keys import signing
from cli import records as wanted
from cli.doctor.finding import Finding, Status, broken, ok, warning
from cli.look_up import Names, NotThere
from cli.records import Record, Topic

AREA = "dns"
_MEANS = {
    Topic.ADDRESS: "no mail server is found: empty mails do not arrive, and carriers refuse our mail.",
    Topic.PTR: "carriers refuse mail from a server without a name; many parents get nothing.",
    Topic.MX: "empty mails and bounces do not arrive: nobody can register.",
    Topic.SPF: "receivers cannot tell our mail from forged mail and sort it out or warn of it.",
    Topic.DKIM: "receivers cannot check our signature; phones show a warning or hide the mail.",
    Topic.DMARC: "anybody can send mail in the school's name, and docomo may warn of ours.",
    Topic.MTA_STS: "their empty mails may cross the network unencrypted without anybody noticing.",
    Topic.TLS_RPT: "nothing at once; we do not learn when others fail to encrypt mail to us.",
    Topic.TLSA: "servers that check DANE bring us no mail: some empty mails do not arrive.",
    Topic.CAA: "nothing at once; anybody's certificate authority may issue certificates for our names.",
}
_PUBLISH = "publish the line that `karamail dns` prints for it, then wait for its old TTL."
_PROVIDER = "ask your internet provider to set it; `karamail dns` prints what to ask for."


def look(config: Config, keys: signing.Keys) -> Iterator[Finding]:
    """One finding for each name and kind of record."""
    servers = ", ".join(config.relay.nameservers)
    names = Names(config.relay.nameservers)
    if not _answers(names):
        yield broken(
            AREA, f"no nameserver answers ({servers})", "no mail can be sent at all.",
            "start the resolver on this node, or correct relay.nameservers.",
        )  # fmt: skip
        return
    try:
        all_records = wanted.records(config, keys)
    except OperatorError as error:
        yield broken(AREA, str(error), "the mail server may not start.", "correct mail.tls_cert.")
        return
    groups: dict[tuple[Topic, str, str], list[Record]] = defaultdict(list)
    for record in all_records:
        groups[record.topic, record.name, record.kind].append(record)
    for group in groups.values():
        yield _finding(names, group)
    if not config.dns.hosts:
        yield from _reverse(names, config.mail.hostname)


def _answers(names: Names) -> bool:
    try:
        names.find(".", "SOA")
    except NotThere as reason:
        return not reason.silent
    return True


def _finding(names: Names, group: list[Record]) -> Finding:
    first = group[0]
    title = f"{first.kind} of {first.name}"
    if first.kind == "CAA":
        return _caa(names, first)
    try:
        found = names.find(first.name, first.kind)
    except NotThere as reason:
        if reason.silent:
            return broken(AREA, f"{title}: {reason}", _means(first), "look at the domain's nameservers.")
        if first.kind == "CNAME" and _has_address(names, first.name):
            return ok(AREA, f"{title}: an address of its own")
        if first.kind == "TLSA":
            return ok(AREA, f"{title}: not published (only wanted where the zone is signed with DNSSEC)")
        return _lacking(first, f"{title}: {reason}")
    fault = _fault(group, found)
    if fault is None:
        return ok(AREA, title)
    serious, text = fault
    if serious and first.needed or first.kind == "TLSA":
        return broken(AREA, f"{title}: {text}", _means(first), _todo(first))
    return warning(AREA, f"{title}: {text}", _means(first), _todo(first))


def _means(record: Record) -> str:
    if "._report._dmarc." in record.name:
        return "nothing at once; reports about our mail are not sent to us."
    return _MEANS[record.topic]


def _lacking(record: Record, what: str) -> Finding:
    status = Status.BROKEN if record.needed else Status.WARNING
    return Finding(status, AREA, what, _means(record), _todo(record))


def _todo(record: Record) -> str:
    return _PROVIDER if record.by_provider else _PUBLISH


def _fault(group: list[Record], found: list[str]) -> tuple[bool, str] | None:
    """(Is it serious, what is wrong) or None."""
    first = group[0]
    if first.kind == "TXT":
        return _text_fault(first, found)
    if not first.value:
        return None
    if first.kind == "CNAME":
        return None
    expected = {_plain(first.kind, record.value) for record in group}
    there = {_plain(first.kind, value) for value in found}
    missing, strange = expected - there, there - expected
    if first.kind == "TLSA":
        return None if expected & there else (True, "it names another key than that of mail.tls_cert")
    if missing:
        return (not expected & there or first.kind != "MX"), f"lacks {', '.join(sorted(missing))}"
    if strange:
        return False, f"also names {', '.join(sorted(strange))}"
    return None


def _text_fault(record: Record, found: list[str]) -> tuple[bool, str] | None:
    tag = record.value.split(";")[0].split(" ")[0]
    ours = [text for text in found if text.replace(" ", "").startswith(tag)]
    if not ours:
        return True, f"there is a TXT record, but none that begins with {tag}"
    if len(ours) > 1:
        return True, f"{len(ours)} records that begin with {tag}: receivers then ignore them all"
    if _words(ours[0]) == _words(record.value):
        return None
    if record.topic is Topic.DMARC and record.name.startswith("_dmarc."):
        strict = any(word in ("p=quarantine", "p=reject") for word in _words(ours[0]))
        return None if strict else (True, "its policy lets forged mail through")
    if record.topic is Topic.DKIM:
        return True, "it holds another key than the one that signs"
    if record.topic is Topic.SPF and "-all" not in ours[0] and "~all" not in ours[0]:
        return True, "it forbids nobody (no -all)"
    return False, f"differs from what is expected ({record.value})"


def _words(text: str) -> list[str]:
    """A record's tags, whatever the blanks between them."""
    if text.startswith("v=spf1"):
        return text.split()
    return [part.strip().replace(" ", "") for part in text.split(";") if part.strip()]


def _plain(kind: str, value: str) -> str:
    """A value as two people would write it alike; of an MX the host only."""
    words = value.lower().split()
    if kind == "TLSA":
        return " ".join(words[:3]) + " " + "".join(words[3:])
    return (words[-1] if kind == "MX" else " ".join(words)).rstrip(".")


def _has_address(names: Names, name: str) -> bool:
    try:
        return bool(names.find(name, "A"))
    except NotThere:
        return False


def _caa(names: Names, record: Record) -> Finding:
    """The next CAA record upwards counts (RFC 8659 3)."""
    issuer = record.value.split('"')[1]
    labels = record.name.split(".")
    for place in range(len(labels) - 1):
        at = ".".join(labels[place:])
        try:
            found = names.find(at, "CAA")
        except NotThere:
            continue
        if any(f'issue "{issuer}' in value for value in found):
            return ok(AREA, f"CAA of {record.name}")
        return broken(
            AREA, f"CAA of {record.name}: the one at {at} forbids {issuer}",
            "when the certificate runs out it cannot be renewed, and the pages stop opening.",
            f"add {issuer} there, or name the right issuer under dns.ca.",
        )  # fmt: skip
    return _lacking(record, f"CAA of {record.name}: there is none")


def _reverse(names: Names, host: str) -> Iterator[Finding]:
    """No addresses are configured: those in DNS have to lead back to the name in EHLO."""
    addresses: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            addresses += names.find(host, kind)
        except NotThere:
            continue
    for ip in addresses:
        title = f"PTR of {ip}"
        try:
            back = names.host_of(ip)
        except NotThere as reason:
            yield broken(AREA, f"{title}: {reason}", _MEANS[Topic.PTR], _PROVIDER)
            continue
        if host in back:
            yield ok(AREA, title)
        else:
            what = f"{title} is {', '.join(back)}, but the server says {host}"
            yield broken(AREA, what, _MEANS[Topic.PTR], _PROVIDER)
