"""Schema migrations, applied in order by `karamail db migrate`.

A rack is upgraded node by node, so for a while the version before runs on the new schema: a migration adds,
and what it makes superfluous is taken away by a later version's. One that takes something away which the
version before still needs has a name that ends in `_contract`: then that version refuses to start
(`db.check_schema`).
Rights (`appliance.grants.table`) are widened and narrowed in the same order.
"""
