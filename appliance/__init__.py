"""The domain of Karamail: what a school, a registration, a broadcast, a delivery *is*.

Owns every rule that would still hold if mail were pigeons and pages were paper. Refuses to know
SMTP and HTTP: it imports peewee and cryptography, never aiosmtpd, flask, `smtp` or `web`. Fails with
the sentences of `appliance.errors`.
"""
