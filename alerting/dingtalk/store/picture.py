"""Charts in messages, kept for a while where every replica can show them."""

from sqlalchemy import Connection, delete, insert, select

from alerting.dingtalk.store.schema import pictures

KEEP_SECONDS = 7 * 86400.0


def keep(connection: Connection, name: str, content: bytes, now: float) -> None:
    """Store a picture under its unguessable name, and forget old ones."""
    connection.execute(delete(pictures).where(pictures.c.made_at < now - KEEP_SECONDS))
    connection.execute(insert(pictures).values(name=name, content=content, made_at=now))


def load(connection: Connection, name: str) -> bytes | None:
    """A picture; None when there is none of this name."""
    content = connection.execute(select(pictures.c.content).where(pictures.c.name == name)).scalar_one_or_none()
    return None if content is None else bytes(content)
