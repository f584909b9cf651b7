"""Who vouches for a mail: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), each as a plain question.

Owns asking pyspf and dkimpy in a way that suits us, and DMARC itself, which is one record and one comparison.
pyspf gets its DNS from us and has no resolver of its own; its own way of limiting time is off by default. Of
DKIM signatures only those count that RFC 8301 allows, that sign From and the whole body, and at most three
are looked at. Organizational domains come from the Public Suffix List of the installed package. Blocks: call
it in a thread. Fails with `smtp.resolver.NoAnswer`; whatever else a library raises means "nobody vouches".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import dkim
import spf
from publicsuffixlist import PublicSuffixList

from smtp.inbound.lookup import Questions
from smtp.resolver import NoAnswer

_SIGNATURES = 3
_MINIMUM_KEY_BITS = 1024
_TAG = re.compile(r"\s*([a-z]+)\s*=\s*([^;]*?)\s*\Z")
_suffixes = PublicSuffixList()


@dataclass(frozen=True, slots=True)
class Spf:
    """`result` in RFC 7208's words; `shared`: it is the same for every sender of the domain."""

    result: str
    shared: bool


class _Query(spf.query):  # type: ignore[misc]  # pyspf is untyped
    """pyspf's evaluation on our DNS."""

    def __init__(self, questions: Questions, *, host: str, sender: str, helo: str) -> None:
        super().__init__(i=host, s=sender, h=helo)
        self._questions = questions
        self.macros = False

    def dns(self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[object]:
        del cnames  # the resolver follows them
        found: list[object] = []
        for record in self._questions.records(str(name).rstrip("."), qtype):
            if qtype in ("A", "AAAA"):
                found.append(record.address)  # type: ignore[attr-defined]
            elif qtype == "MX":
                found.append((record.preference, record.exchange.to_text(True)))  # type: ignore[attr-defined]
            elif qtype == "PTR":
                found.append(record.target.to_text(True))  # type: ignore[attr-defined]
            else:
                found.append(record.strings)  # type: ignore[attr-defined]
                self.macros = self.macros or any(b"%{" in text for text in record.strings)  # type: ignore[attr-defined]
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many lookups without an answer")
        return found


def spf_of(questions: Questions, *, host: str, sender: str, helo: str) -> Spf:
    """May this host send for the sender's domain? Raises `NoAnswer`."""
    query = _Query(questions, host=host, sender=sender, helo=helo or "unknown")
    result, _, _ = query.check()
    if result == "temperror":
        raise NoAnswer("SPF")
    return Spf(result, not query.macros)


def signing_domains(questions: Questions, content: bytes) -> Iterator[str]:
    """The domains whose signatures hold. Raises `NoAnswer` once all others have been tried."""
    trouble: NoAnswer | None = None
    try:
        message = dkim.DKIM(content, minkey=_MINIMUM_KEY_BITS)
    except (dkim.DKIMException, IndexError):  # no message to dkimpy; IndexError: it begins with a folded line
        return
    count = sum(name.lower() == b"dkim-signature" for name, _ in message.headers)
    for number in range(min(count, _SIGNATURES)):
        try:
            if domain := _signer(questions, message, number):
                yield domain
        except NoAnswer as error:
            trouble = error
        except Exception:  # noqa: BLE001, S112 - any bytes may be in a signature, and none is worth a mail
            continue
    if trouble is not None:
        raise trouble


def _signer(questions: Questions, message: dkim.DKIM, number: int) -> str | None:
    prepared = message.verify_headerprep(number)
    if not prepared:
        return None
    fields, signed, _ = prepared
    if b"from" not in signed or b"l" in fields or fields[b"a"] == b"rsa-sha1":
        return None
    domain = fields[b"d"].decode("ascii").lower().rstrip(".")

    def key(name: bytes, timeout: float = 0) -> bytes | None:
        del timeout  # `questions` has its own
        texts = questions.texts(name.decode("ascii").rstrip("."))
        return texts[0] if texts else None

    return domain if message.verify(number, dnsfunc=key) else None


def dmarc_rejects(questions: Questions, domain: str) -> bool:
    """The owner of a From domain asks that mail nobody vouches for be rejected. Raises `NoAnswer`."""
    policy = _dmarc_record(questions, domain)
    key = "p"
    if policy is None and (organization := organizational_domain(domain)) != domain:
        policy, key = _dmarc_record(questions, organization), "sp"
    if policy is None or policy.get("t") == "y" or policy.get("pct", "100") != "100":
        return False  # no policy, or one that is only being tried
    return policy.get(key, policy.get("p", "none")).lower() == "reject"


def _dmarc_record(questions: Questions, domain: str) -> dict[str, str] | None:
    found = [
        text.decode("ascii", "replace")
        for text in questions.texts(f"_dmarc.{domain}")
        if re.match(rb"v\s*=\s*DMARC1\s*(;|\Z)", text)
    ]
    if len(found) != 1:
        return None
    return {tag[1]: tag[2] for part in found[0].split(";") if (tag := _TAG.match(part))}


@lru_cache(maxsize=10_000)
def organizational_domain(domain: str) -> str:
    """The registered domain that a name belongs to (RFC 7489 3.2); a public suffix stands for itself."""
    return _suffixes.privatesuffix(domain) or domain


def aligned(one: str, other: str) -> bool:
    """Relaxed alignment (RFC 7489 3.1): the same organization."""
    return one == other or organizational_domain(one) == organizational_domain(other)
