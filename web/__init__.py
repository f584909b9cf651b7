"""The pages: one Flask application per audience, and what the three share.

Owns nothing itself. `guardian`, `sender` and `admin` never import each other; each imports `common` and
`appliance`. Each runs in its own zone, with its own user, keys, cookies and origin.
"""
