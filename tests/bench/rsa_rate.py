"""How many RSA-2048 signatures this machine makes: the ceiling of anyone who signs each mail.

One process per core, each signing a digest-sized input as a DKIM signer does (PKCS #1 v1.5, SHA-256), with
the same library that Karamail uses. `python -m tests.bench.rsa_rate` prints the rate.
"""

import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HEADER_OCTETS = 600  # what a DKIM signature covers, roughly: the signed headers


def rsa_rate(processes: int, *, seconds: float = 2.0) -> float:
    """RSA-2048 signatures per second of so many processes at once."""
    command = [sys.executable, "-m", "tests.bench.rsa_rate", str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(float(each.communicate()[0]) for each in running)


def _sign_for(seconds: float) -> float:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = b"x" * HEADER_OCTETS
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    key.sign(message, scheme, digest)
    count, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < seconds:
        for _ in range(50):
            key.sign(message, scheme, digest)
        count += 50
    return count / taken


if __name__ == "__main__":
    print(_sign_for(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0))
