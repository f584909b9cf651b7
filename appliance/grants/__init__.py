"""What the PostgreSQL role of each zone and keeper of the record may do: table, application, inspection.

Owns the roles `<prefix>guardian`, `<prefix>sender`, `<prefix>admin`, `<prefix>mail`, `<prefix>audit` and
`<prefix>witness`. `table` says who may what, `apply` makes it so, `inspect` says where a database differs.
Refuses to touch any other role. SQLite has no roles; there all of this is nothing.
Fails with `OperatorError` where the connected role may not make roles, and as the database does.
"""

from appliance.grants.apply import SHARES, apply, connections, create_roles, role_name, roles_exist
from appliance.grants.inspect import differences
from appliance.grants.table import BARE, GRANTS, POLICIES, Rights

__all__ = [
    "BARE",
    "GRANTS",
    "POLICIES",
    "SHARES",
    "Rights",
    "apply",
    "connections",
    "create_roles",
    "differences",
    "role_name",
    "roles_exist",
]
