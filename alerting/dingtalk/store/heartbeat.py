"""What is heard of each watchdog, shared by the replicas."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerting.dingtalk.store.schema import heartbeats


@dataclass(frozen=True)
class Beat:
    """What is known of one watchdog; Unix times."""

    heard_at: float
    silent_since: float | None
    """When it was heard last before the silence that people have been told of; None when they were told of none."""


def share(connection: Connection, name: str, beat: Beat, *, said: bool) -> Beat:
    """Bring together what this process and the others know; `said` when it has just told people."""
    columns = heartbeats.c
    row = connection.execute(
        select(columns.heard_at, columns.silent_since).where(columns.name == name).with_for_update()
    ).first()
    if row is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(heartbeats).values(name=name, **vars(beat)))
        except IntegrityError:  # another replica was faster, and this one learns of it in the next round
            pass
        return beat
    known = Beat(max(row.heard_at, beat.heard_at), beat.silent_since if said else row.silent_since)
    if known != Beat(row.heard_at, row.silent_since):
        connection.execute(update(heartbeats).where(columns.name == name).values(**vars(known)))
    return known
