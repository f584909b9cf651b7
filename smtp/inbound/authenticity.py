"""Does the sender's domain vouch for this mail? Asked because we answer the envelope sender (R04).

Owns the judgement and what follows from it. A forged sender would get a letter that he never asked for; a
parent who is turned away loses his registration. So only a domain owner's own word refuses a mail:

| found | judgement |
|---|---|
| SPF passes for the envelope domain, or a DKIM signature of that domain holds | `PASS` |
| the From domain has DMARC p=reject, and neither SPF nor DKIM of that domain passes | `FAIL` |
| SPF says -all for the envelope domain, and no DKIM signature of that domain holds | `FAIL` |
| DNS gave no answer, or not in time | `TROUBLE` |
| anything else: no records, ~all, permerror | `NONE` |

`NONE` and `TROUBLE` are taken, within stricter budgets (`appliance.registration.budgets`). Checks run in a
few threads under one hard deadline; a host that a domain's SPF has just passed is remembered, and its next
mail costs no thread. Refuses to know what is registered. Never raises: a fault of ours or of a library is
`TROUBLE`.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address

from appliance import clock, log
from appliance.address import Address, author_domain
from appliance.config import Config
from smtp.inbound import checks
from smtp.inbound.body import Body
from smtp.inbound.guards import HeaderTooLarge, header_fields
from smtp.inbound.lookup import Lookup, Questions
from smtp.resolver import NoAnswer

KEPT_OCTETS = 128 * 1024  # of a mail to a registration address; DKIM of a longer one is not checked
_THREADS = 8
_WAITING_MAX = 500
_REMEMBERED_MAX = 10_000
_REMEMBER_S = 300.0
_REMEMBER_TROUBLE_S = 10.0


class Judgement(StrEnum):
    """What the sender's domain says of the mail."""

    PASS = "pass"
    FAIL = "fail"
    NONE = "none"
    TROUBLE = "trouble"
    UNJUDGED = "unjudged"

    @property
    def is_doubtful(self) -> bool:
        """Taken only within the stricter budgets."""
        return self in (Judgement.NONE, Judgement.TROUBLE, Judgement.FAIL)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a mail comes from: the peer's IP address, or the one its balancer names, and its HELO."""

    host: str = "local"
    network: str = "local"
    helo: str = ""


NOWHERE = Origin()


class Judge:
    """One per worker. `mode` is `off`, `observe` (refuse nobody, log) or `enforce`."""

    def __init__(
        self, mode: str, nameservers: list[str], *, deadline_s: float = 3.0, judge_private: bool = False
    ) -> None:
        """`judge_private`: peers with private addresses too, which on a node are only our own machines."""
        self._mode = mode
        self._deadline_s = deadline_s
        self._judge_private = judge_private
        self._lookup = Lookup(nameservers)
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="authenticity")
        self._waiting = 0
        self._spf: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    @classmethod
    def of(cls, config: Config) -> "Judge":
        """As configured."""
        return cls(
            config.mail.authenticity,
            config.relay.nameservers,
            deadline_s=config.mail.authenticity_deadline_s,
            judge_private=config.relay.allow_private_targets,
        )

    async def judge(self, origin: Origin, sender: Address, body: Body) -> Judgement:
        """The judgement within the deadline. `FAIL` is an answer only in `enforce`; else it is `NONE`."""
        if self._mode == "off":
            return Judgement.UNJUDGED
        author = _author(body)
        if self._spf_known(origin.host, sender.domain) == "pass" and _same(sender.domain, author):
            return Judgement.PASS
        found = await self._in_thread(origin, sender, author, body)
        if found is not Judgement.PASS:
            log.inbound_doubted(found, refused=found is Judgement.FAIL and self._mode == "enforce")
        return Judgement.NONE if found is Judgement.FAIL and self._mode == "observe" else found

    def close(self) -> None:
        """Waits for nobody: what is under way ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, origin: Origin, sender: Address, author: str | None, body: Body) -> Judgement:
        if self._waiting >= _WAITING_MAX:
            return Judgement.TROUBLE
        questions = self._lookup.within(self._deadline_s)
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            work = loop.run_in_executor(self._threads, self._checked, questions, origin, sender, author, body)
            done, _ = await asyncio.wait({work}, timeout=self._deadline_s)
            work.cancel()  # out of the queue, if it never began
            return work.result() if done else Judgement.TROUBLE
        finally:
            self._waiting -= 1

    def _checked(
        self, questions: Questions, origin: Origin, sender: Address, author: str | None, body: Body
    ) -> Judgement:
        try:
            return self._check(questions, origin, sender, author, body)
        except NoAnswer:
            return Judgement.TROUBLE
        except Exception as error:  # noqa: BLE001 - the edge to two libraries that read strangers' bytes
            log.unexpected(error)
            return Judgement.TROUBLE

    def _check(
        self, questions: Questions, origin: Origin, sender: Address, author: str | None, body: Body
    ) -> Judgement:
        spf, trouble = self._spf_of(questions, origin, sender), None
        if spf == "pass" and _same(sender.domain, author):
            return Judgement.PASS
        signers: set[str] = set()
        if body.is_whole:
            try:
                for domain in checks.signing_domains(questions, body.beginning):
                    signers.add(domain)
            except NoAnswer as error:
                trouble = error
        vouched = {sender.domain} if spf == "pass" else set()
        vouched |= signers
        if author and not _vouches(vouched, author) and checks.dmarc_rejects(questions, author):
            return Judgement.TROUBLE if trouble or spf == "trouble" else Judgement.FAIL
        if _vouches(vouched, sender.domain):
            return Judgement.PASS
        if trouble or spf == "trouble":
            return Judgement.TROUBLE
        return Judgement.FAIL if spf == "fail" else Judgement.NONE

    def _spf_of(self, questions: Questions, origin: Origin, sender: Address) -> str:
        if not (self._judge_private or _is_public(origin.host)):
            return "none"
        known = self._spf_known(origin.host, sender.domain)
        if known is not None:
            return known
        try:
            found = checks.spf_of(questions, host=origin.host, sender=sender.wire(), helo=origin.helo)
        except NoAnswer:
            self._remember(origin.host, sender.domain, "trouble", _REMEMBER_TROUBLE_S)
            return "trouble"
        if found.shared:
            self._remember(origin.host, sender.domain, found.result, _REMEMBER_S)
        return found.result

    def _spf_known(self, host: str, domain: str) -> str | None:
        found = self._spf.get((host, domain))
        return found[0] if found is not None and clock.monotonic() < found[1] else None

    def _remember(self, host: str, domain: str, result: str, for_s: float) -> None:
        self._spf[host, domain] = (result, clock.monotonic() + for_s)
        while len(self._spf) > _REMEMBERED_MAX:
            self._spf.popitem(last=False)


def _author(body: Body) -> str | None:
    """The domain of the only From field; None where there is none, or any doubt."""
    try:
        fields = [value for name, value in header_fields(body.beginning) if name == b"from"]
    except HeaderTooLarge:
        return None
    return author_domain(fields[0].decode("latin-1")) if len(fields) == 1 else None


def _same(domain: str, author: str | None) -> bool:
    return author is None or checks.aligned(domain, author)


def _vouches(vouched: set[str], domain: str) -> bool:
    return any(checks.aligned(each, domain) for each in vouched)


@lru_cache(maxsize=4096)
def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return False
