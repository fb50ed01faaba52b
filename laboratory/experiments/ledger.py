"""What the bridges have told, by their own ledger: digests count there, which name few of their alerts."""

from typing import Final

import psycopg

from laboratory.cluster.installation import OVERLAY
from laboratory.experiments.stack import Stack
from laboratory.experiments.stream import Told

_TOLD: Final = """
SELECT min(message.settled_at), alert.firing, string_agg(notification.payload, ' ')
FROM alert JOIN notification ON notification.id = alert.notification_id JOIN message ON message.id = alert.message_id
WHERE message.state = 'delivered' AND notification.received_at >= %s
GROUP BY message.id, alert.firing
"""
"""alerting/dingtalk/store/schema.py; each alert of the stream is a notification of its own."""


def told_since(stack: Stack, began: float) -> list[Told]:
    """What messages told of that came in at this Unix time or later. Raises psycopg.Error while nobody can say."""
    password = (OVERLAY / "secrets" / "postgresql-tapwatch.password").read_text(encoding="utf-8").strip()
    hosts = ",".join(pod.address for pod in stack.ready("postgresql"))
    with psycopg.connect(
        host=hosts,
        dbname="tapwatch",
        user="tapwatch",
        password=password,
        sslmode="require",
        target_session_attrs="primary",
        connect_timeout=3,
    ) as connection:
        rows = connection.execute(_TOLD, [began]).fetchall()
    return [Told(settled, "" if firing else "✅", payload) for settled, firing, payload in rows]
