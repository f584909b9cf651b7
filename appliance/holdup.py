"""Whoever holds up other zones in the database is ended: a process that froze, or who has taken a zone over.

A zone's role may lock what it may change, and sets its own time limits; the watch, which belongs to no zone,
looks every other second who waits for whom, and ends what has kept another role waiting for too long. Whoever
keeps only its own zone waiting is let be, and so is whoever is no zone of ours: an operator's migration takes
as long as it takes. Refuses to know what is locked. Fails as the database does.
"""

from appliance import db
from appliance.config import Config, Zone
from appliance.grants import role_name

PATIENCE_S = 5.0
"""Longer than anything of ours holds a lock, shorter than others wait until they give up."""
_END = """
    SELECT usename, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = ANY (?) AND pid IN (
        SELECT holder FROM pg_locks AS waiting
        CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS holder
        JOIN pg_stat_activity AS held_up ON held_up.pid = waiting.pid
        JOIN pg_stat_activity AS holding ON holding.pid = holder
        WHERE NOT waiting.granted AND waiting.waitstart < clock_timestamp() - make_interval(secs => ?)
          AND held_up.usename <> holding.usename)
"""


def end(config: Config, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Ends those connections; the zones whose they were, one entry for each. Raises `DatabaseUnavailable`."""
    roles = {role_name(config, zone): zone.value for zone in Zone}
    with db.guarded():
        found = db.statement(_END, list(roles), patience_s).fetchall()
    return [roles[role] for role, ended in found if ended]
