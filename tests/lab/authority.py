"""The lab's public authority: the certificate that sites and mail servers show to the world. And the safe.

Owns var/lab/public; the key that a ward keeps in its safe lies there, too. Refuses certificates between
nodes: those are the playbook's. Fails as the disk does.
"""

import shutil

import trustme

from tests.lab import host, places

PUBLIC = places.LAB / "public"


def make() -> None:
    """An authority, one certificate for every name of the ward, and one for the vendor's own mail server."""
    shutil.rmtree(PUBLIC, ignore_errors=True)
    PUBLIC.mkdir(mode=0o700)
    hosts = [node.mx for node in places.NODES]
    policy = [f"mta-sts.{domain}" for domain in (places.REGISTRATION_DOMAIN, places.BOUNCE_DOMAIN)]
    authority = trustme.CA(organization_name="Lab authority", key_type=trustme.KeyType.ECDSA)
    made = authority.issue_cert(*places.SITES.values(), *hosts, *policy, key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(PUBLIC / "authority.crt")
    made.private_key_pem.write_to_path(PUBLIC / "sites.key")
    (PUBLIC / "sites.key").chmod(0o600)
    for blob in made.cert_chain_pems:
        blob.write_to_path(PUBLIC / "sites.crt", append=True)
    vendor = authority.issue_cert(places.VENDOR, key_type=trustme.KeyType.ECDSA)
    vendor.private_key_and_cert_chain_pem.write_to_path(PUBLIC / "vendor.pem")
    host.run(
        "openssl", "req", "-x509", "-newkey", "rsa:3072", "-noenc", "-subj", "/CN=safe", "-days", "30",
        "-keyout", PUBLIC / "safe.key", "-out", PUBLIC / "safe.crt",
    )  # fmt: skip
