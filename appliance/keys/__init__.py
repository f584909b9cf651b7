"""Keys: what each zone can seal, open and find.

Owns HPKE sealing (RFC 9180), the blind index and the wrapping of private keys (R24). Refuses to know
tables: where public and wrapped keys lie is a `KeyStore`. Fails with `KeyRefused` when a zone asks for more
than its credential opens, and with `SecretMissing` when a credential file is not there.
"""

from appliance.keys.ring import Keyring, KeyStore, NewSchoolKey, Purpose, Slot, name_form, new_school_key
from appliance.keys.secrets import create_secrets, zone_public_key

__all__ = [
    "KeyStore",
    "Keyring",
    "NewSchoolKey",
    "Purpose",
    "Slot",
    "create_secrets",
    "name_form",
    "new_school_key",
    "zone_public_key",
]
