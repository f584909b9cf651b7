"""The public form: what a guardian sees after opening the link of the reply mail (R04, R05, R06).

Owns the pages between link and 「登録が終わりました」. This zone holds public keys only: it seals names and
can read back none, and it sets no cookie. Refuses every other page of the system. See `app.create_app`.
"""
