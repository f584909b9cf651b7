"""The certificate for STARTTLS, and its renewal while the daemon runs.

Owns one TLS context at a time. New files are loaded into a context of their own, which takes the old one's
place only when it is good: OpenSSL replaces a running context's certificate before it finds that the key does
not fit, and would leave nothing that works. Refuses to know who renews. Fails with `ConfigInvalid` at the
start; later a broken file keeps the old certificate, is an alarm in the log once, and is tried again at every
look, because certificate and key never change in the same instant.
"""

import os
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from appliance import clock, log
from appliance.errors import ConfigInvalid

LOOK_EVERY_S = 30.0
_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """The pair of files and the context made of them."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Raises `ConfigInvalid` where they cannot be used."""
        self._chain = chain
        self._key = key
        self._looked = _stamp((chain, key))
        self._broken = False
        self.context = tls_context(chain, key)

    def renew(self) -> bool:
        """Takes up changed files; True where handshakes from now on use them. Never raises."""
        stamp = _stamp((self._chain, self._key))
        if stamp == self._looked and not self._broken:
            return False
        try:
            self.context = tls_context(self._chain, self._key)
        except ConfigInvalid as error:
            if stamp != self._looked or not self._broken:
                log.certificate_broken(error.__cause__ or error)
            self._broken, self._looked = True, stamp
            return False
        self._broken, self._looked = False, stamp
        log.certificate_renewed(self.days_left())
        return True

    def days_left(self) -> int:
        """Days until the certificate on disk runs out; negative where it has."""
        try:
            found = x509.load_pem_x509_certificate(self._chain.read_bytes())
        except (OSError, ValueError):
            return 0
        return (found.not_valid_after_utc - clock.now()).days


def tls_context(chain: Path, key: Path) -> ssl.SSLContext:
    """For STARTTLS, TLS 1.2 and up. Raises `ConfigInvalid`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(chain, key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigInvalid(
            f"mail.tls_cert, mail.tls_key: cannot be loaded from {chain} and {key} ({reason})"
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("an encrypted key cannot be loaded by a daemon")  # else OpenSSL asks the terminal


def _stamp(paths: Sequence[Path]) -> _Stamp:
    """Changes whenever a file does: renewal programs write anew or turn a link elsewhere."""
    found = []
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            found.append((0, 0, 0))
            continue
        found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
    return tuple(found)
