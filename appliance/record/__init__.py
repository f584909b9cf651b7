"""The operation record as evidence (R27): what `appliance.audit` appended cannot be changed unseen.

Owns the way from rows to proof: one sealer gives each committed row a position in an RFC 6962 tree and signs
checkpoints; witnesses on other nodes cosign what continues what they saw; the ward gets one by mail each day.
Also reading it (search, export), checking it (verify) and letting it go when its time is over (retention).
Refuses to append acts of people: `appliance.audit` does, without any lock, in the act's own transaction.

| module | owns |
|---|---|
| `merkle` | the tree as arithmetic, proofs and their check |
| `note` | the signed text of a checkpoint, keys in a form for people |
| `leaf` | the canonical bytes of a row |
| `tree` | the tree in the database: leaves, inner nodes of every eighth level |
| `seal` | the sealer |
| `witness` | who has seen a checkpoint on his own disk and signs what continues it |
| `cosignatures` | what stands under a checkpoint, and whose it is |
| `verify` | recomputes everything and names the first difference |
| `dating` | which records say a wrong time, and at which somebody has looked |
| `search`, `export` | pages of records, and all of it for a check elsewhere |
| `retention` | deletion that keeps the tree verifiable |
| `daily` | the checkpoint that leaves the building |

Fails towards doubt: what cannot be signed, proved or recorded is an error, never a silence.
"""
