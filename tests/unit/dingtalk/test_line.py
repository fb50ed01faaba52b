"""What a bridge sees of a line that is longer than it looks at."""

import sqlalchemy
from sqlalchemy import insert

from alerting.dingtalk.store.line import MOST_IN_LINE, in_line
from alerting.dingtalk.store.schema import NotificationState, alerts, metadata, notifications


def test_what_wakes_people_is_not_hidden_behind_good_news() -> None:
    """As in a storm that lasts: what has ended may not use the whole of the robot's limit, and waits."""
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        statuses = ["firing", *["resolved"] * MOST_IN_LINE, "firing"]
        for number, status in enumerate(statuses, 1):
            wait = {"channel": "ops", "turn": 0, "state": NotificationState.WAITING, "received_at": 0.0, "payload": ""}
            new = {"id": number, "key": str(number), "group_key": str(number), "status": status, "severity": "critical"}
            connection.execute(insert(notifications).values(**wait, **new))
            alert = {"notification_id": number, "position": 0, "fingerprint": "", "firing": status == "firing"}
            connection.execute(insert(alerts).values(**alert))
        seen = [row.id for row in in_line(connection, "ops")]
    engine.dispose()
    assert len(seen) == MOST_IN_LINE
    assert seen == sorted(seen)
    assert {1, len(statuses)} <= set(seen)
