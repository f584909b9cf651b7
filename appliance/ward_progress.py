"""配信状況 of the ward's mail, school by school, counted from the rows each time (R14).

Owns the counts of each school's own guardians: one who has children at two schools got one mail, and is
counted at both. They are the guardians of this moment, as in `appliance.reach`. Refuses addresses and names.
Cannot fail but as the database does.
"""

from collections import defaultdict
from collections.abc import Collection

from appliance import db, recipients
from appliance.delivery.status import Progress, counted
from appliance.models import Broadcast


def by_school(broadcast: Broadcast) -> dict[int, Progress]:
    """Of every school with somebody who got it; one query, whatever their number."""
    source, parameters = recipients.members(broadcast, urgent=True)
    rows: dict[int, list[tuple[str, str, int, int]]] = defaultdict(list)
    with db.guarded():
        found = db.statement(
            f"""
            SELECT m.school_id, d.site, d.state, COUNT(*), SUM(CASE WHEN d.uncertain THEN 1 ELSE 0 END)
            FROM (SELECT DISTINCT r.school_id, a.address_index {source}) AS m
            JOIN address AS b ON b.address_index = m.address_index
            JOIN delivery AS d ON d.address_id = b.id AND d.broadcast_id = ?
            GROUP BY m.school_id, d.site, d.state
            """,  # noqa: S608  (constants only)
            *parameters,
            broadcast.id,
        ).fetchall()
    for school_id, *row in found:
        rows[school_id].append((row[0], row[1], row[2], row[3]))
    return {school_id: counted(each) for school_id, each in sorted(rows.items())}


def of_schools(broadcast: Broadcast, school_ids: Collection[int]) -> Progress:
    """Of the guardians of these schools together, each once."""
    source, parameters = recipients.members(broadcast, urgent=True, of=school_ids)
    with db.guarded():
        found = db.statement(
            f"""
            SELECT d.site, d.state, COUNT(*), SUM(CASE WHEN d.uncertain THEN 1 ELSE 0 END)
            FROM delivery AS d JOIN address AS b ON b.id = d.address_id
            WHERE d.broadcast_id = ? AND b.address_index IN (SELECT a.address_index {source})
            GROUP BY d.site, d.state
            """,  # noqa: S608  (constants only)
            broadcast.id,
            *parameters,
        ).fetchall()
    return counted(found)
