"""The directory: schools and classes, and the registered children and guardians in them (R02, R08).

Owns listing, correcting, moving and removing. Refuses to find objects by id for an actor: `access` does.
Fails with the sentences of `errors`.
"""
