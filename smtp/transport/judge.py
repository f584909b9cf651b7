"""Whether the certificates that a host showed satisfy its policy.

Owns DANE's matching (RFC 7671, RFC 7672 3.1) and the check against public authorities (RFC 8461 4.1, RFC
6125). Refuses connections and policies' origins. Never raises for what a stranger sent: a certificate that
cannot be read is a failed check.

The handshake itself checks nothing. The chain is judged afterwards, before another byte is said: so one
context serves all policies, a policy in testing costs no second connection, and DANE, which has its own idea
of trust, is judged in the same place.
"""

import ssl
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from cryptography.x509.verification import (
    Policy as PathPolicy,
)

from appliance.errors import OperatorError
from smtp.transport.policy import Failure, Kind, Level, Policy
from smtp.transport.tlsa import DANE_EE, DANE_TA, Record

_CHAIN_MAX = 10
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

Chain = Sequence[bytes]


def judge(policy: Policy, chain: Chain, ca_file: Path, now: datetime) -> Failure | None:
    """What is wrong with the chain (DER, the host's own first), or None.

    `ca_file` holds the authorities that MTA-STS goes by.
    """
    if policy.level in (Level.OPPORTUNISTIC, Level.ENCRYPTED):
        return None
    if not policy.listed:
        return Failure.VALIDATION
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain[:_CHAIN_MAX]]
        if not certificates:
            return Failure.VALIDATION
        if policy.kind is Kind.TLSA:
            return _dane(policy, certificates, now)
        return _verified(certificates, authorities(ca_file), policy.names, now)
    except _UNREADABLE:
        return Failure.VALIDATION


def peer_chain(session: ssl.SSLObject) -> list[bytes]:
    """Everything that the peer sent, its own certificate first, unchecked."""
    if hasattr(session, "get_unverified_chain"):  # Python 3.13
        found: list[bytes] = session.get_unverified_chain()
        return found
    inner: Any = session._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]


@cache
def authorities(ca_file: Path) -> Store:
    """The roots that are trusted. Raises `OperatorError` where the file holds no certificate.

    Those without a positive serial number (RFC 5280 4.1.2.2) are left out: the verifier is about to refuse
    them. A file that holds only a server's own certificate trusts that one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca_file)
        told = [str(root["serialNumber"]) for root in context.get_ca_certs()]
        roots = zip(context.get_ca_certs(binary_form=True), told, strict=True)
        trusted = [x509.load_der_x509_certificate(der) for der, serial in roots if int(serial, 16) > 0]
        return Store(trusted or x509.load_pem_x509_certificates(ca_file.read_bytes()))
    except (OSError, ValueError):
        why = f"{ca_file}: expected certificates of authorities in PEM (relay.ca_file)"
        raise OperatorError(why) from None


def _dane(policy: Policy, chain: list[x509.Certificate], now: datetime) -> Failure | None:
    """RFC 7672 3.1: the first record that matches is enough. DANE-EE knows neither names nor dates."""
    if any(record.matches(chain[0]) for record in policy.tlsa if record.usage == DANE_EE):
        return None
    worst = Failure.VALIDATION
    for anchor in _anchors(policy.tlsa, chain):
        failure = _verified(chain, Store([anchor]), policy.names, now)
        if failure is None:
            return None
        worst = failure
    return worst


def _anchors(records: Iterable[Record], chain: list[x509.Certificate]) -> Iterable[x509.Certificate]:
    """The certificates of the chain that DANE-TA records mean, and those that stand in the record itself.

    An anchor that is published whole (2 0 0) need not be sent by the host (RFC 7672 3.1.2).
    """
    for record in records:
        if record.usage != DANE_TA:
            continue
        yield from (certificate for certificate in chain if record.matches(certificate))
        if record.selector == record.matching == 0:
            try:
                yield x509.load_der_x509_certificate(record.association)
            except _UNREADABLE:
                continue


def _verified(
    chain: list[x509.Certificate], store: Store, names: Iterable[str], now: datetime
) -> Failure | None:
    """A path to the store, valid now, for one of the names."""
    leaf, *others = chain
    wrong = Failure.NOT_TRUSTED
    for name in names:
        verifier = _PATHS.store(store).time(now).build_server_verifier(x509.DNSName(name))
        try:
            verifier.verify(leaf, others)
        except VerificationError:
            wrong = _why(leaf, names, now)
        else:
            return None
    return wrong


def _why(leaf: x509.Certificate, names: Iterable[str], now: datetime) -> Failure:
    """The likeliest reason, for reports: the verifier gives its own in prose only."""
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        return Failure.EXPIRED
    if not any(_covers(pattern, name) for pattern in _dns_names(leaf) for name in names):
        return Failure.HOST_MISMATCH
    return Failure.NOT_TRUSTED


def _serves(_policy: PathPolicy, _leaf: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and not _SERVER_USES.intersection(usage):
        raise ValueError("not a certificate of a server")


_SERVER_USES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
# Issuers as the web's authorities must be. Of the host's own certificate no more than matters: its names, and
# that it is for servers. Mail hosts have had theirs made by all kinds of tools, and OpenSSL takes them.
_PATHS = PolicyBuilder().extension_policies(
    ca_policy=ExtensionPolicy.webpki_defaults_ca(),
    ee_policy=ExtensionPolicy.permit_all()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves),
)


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in names.value.get_values_for_type(x509.DNSName)]


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])
