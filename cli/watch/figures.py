"""How mail fares, as the database says at the moment of asking.

Owns the names of these figures and the questions behind them, each a GROUP BY: nothing is counted twice or
kept. Refuses addresses, names and schools. Where the database does not answer, `karamail_database_up` is 0
and the rest is absent: an absent figure is no zero.
"""

from collections.abc import Iterator
from datetime import timedelta

from peewee import fn
from prometheus_client.core import GaugeMetricFamily, Metric

from appliance import clock, health, log
from appliance.config import Config
from appliance.db import guarded
from appliance.errors import DatabaseUnavailable
from appliance.models import Alarm, Broadcast, CodePause, Worker
from appliance.states import BroadcastState

_HOUR = timedelta(hours=1)
_HOURS = 1


class Figures:
    """A collector for `prometheus_client`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def describe(self) -> list[Metric]:
        """Nothing is asked at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure of this moment."""
        up = 1
        try:
            found = list(self._found())
        except DatabaseUnavailable as error:
            log.database_unavailable(error)
            up, found = 0, []
        yield _one("karamail_watch_time_seconds", "When this was written.", clock.now().timestamp())
        yield _one("karamail_database_up", "Whether the database answered.", up)
        yield from found

    def _found(self) -> Iterator[Metric]:
        now = clock.now()
        overdue = GaugeMetricFamily(
            "karamail_overdue_seconds",
            "How long the oldest mail has waited since it might have gone.",
            labels=["lane"],
        )
        for lane, length in health.overdue(now).items():
            overdue.add_metric([lane.name.lower()], length.total_seconds())
        yield overdue
        yield _one("karamail_abandoned", "Mails held by workers that fell silent.", health.abandoned(now))
        yield from self._carriers()
        with guarded():
            alive = Worker.seen_at >= now - timedelta(seconds=self._config.relay.lease_s)
            workers = GaugeMetricFamily(
                "karamail_workers", "Mail workers that live, by node.", labels=["node"]
            )
            for node, count in (
                Worker.select(Worker.node, fn.COUNT(1)).where(alive).group_by(Worker.node).tuples()
            ):
                workers.add_metric([node], count)
            sending = Broadcast.select(Broadcast.id).where(Broadcast.state == BroadcastState.SENDING).count()
            paused = CodePause.select(fn.COUNT(CodePause.until_at)).where(CodePause.until_at > now).scalar()
            refused = (
                Alarm.select(Alarm.kind, fn.SUM(Alarm.refused))
                .where(Alarm.at > now - _HOUR)
                .group_by(Alarm.kind)
            )
            budgets = GaugeMetricFamily(
                "karamail_hour_refused_by_budget",
                "Mails put off in the last hour: a budget was spent.",
                labels=["kind"],
            )
            for kind, count in refused.tuples():
                budgets.add_metric([kind], count)
        yield workers
        yield _one("karamail_broadcasts_sending", "Broadcasts on their way.", sending)
        yield _one("karamail_codes_paused", "Security codes to which mails wait.", paused)
        yield budgets

    def _carriers(self) -> Iterator[Metric]:
        kinds = {
            "accepted": "Mails that a carrier took in the last hour.",
            "refused": "Mails that a carrier refused for good in the last hour.",
            "deferrals": "How often a carrier put one off in the last hour.",
            "waiting": "Mails that wait for a carrier now.",
        }
        families = {
            kind: GaugeMetricFamily(
                "karamail_waiting" if kind == "waiting" else f"karamail_hour_{kind}", text, labels=["carrier"]
            )
            for kind, text in kinds.items()
        }
        median = GaugeMetricFamily(
            "karamail_hour_median_seconds",
            "From the moment it might go to the carrier's 250.",
            labels=["carrier"],
        )
        for row in health.by_carrier(clock.now(), hours=_HOURS):
            for kind, family in families.items():
                family.add_metric([row.carrier.value], getattr(row, kind))
            if row.median_s is not None:
                median.add_metric([row.carrier.value], row.median_s)
        yield from families.values()
        yield median


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
