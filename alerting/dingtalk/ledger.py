"""What became of each notification, so that a repetition tells nobody the same thing twice. In memory only."""

import uuid
from collections import OrderedDict
from dataclasses import dataclass

from alerting.dingtalk.clocks import Clocks

KEEP_SECONDS = 7200.0
"""How long an unfinished notification is remembered; Alertmanager comes back at the latest with `group_interval`."""
SAME_NEWS_SECONDS = 30.0
"""A notification that was confirmed this recently is the second Alertmanager's copy; a later one is meant to remind
(`repeat_interval`)."""
LARGEST = 10_000


_NAMESPACE = uuid.UUID("6f0d4a52-2c1c-4f56-9d0f-0e9a4b7d3c11")


def seed_of(key: str, robot: str) -> uuid.UUID:
    """The same for whoever delivers the news of this ledger key by this robot."""
    return uuid.uuid5(_NAMESPACE, f"{robot}\n{key}")


@dataclass
class Entry:
    """One notification on its way to one robot."""

    seed: uuid.UUID
    told: int = 0
    """Alerts that delivered messages told of, counted from the worst."""
    messages: int = 0
    """Messages delivered."""
    finished: bool = False
    """Every message is delivered."""
    confirmed: float | None = None
    """When Alertmanager was told so."""
    turn: int = 0
    """0 for the news, then its reminders, as far as this process knows."""

    def message_id(self, *parts: object) -> str:
        """`msgUuid` of the next message: the same for every try of it, another one for a later reminder."""
        return uuid.uuid5(self.seed, " ".join(map(str, (self.messages, *parts)))).hex


class Ledger:
    """The entries by key, the latest used last."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._entries: OrderedDict[str, tuple[float, Entry]] = OrderedDict()

    def open(self, key: str) -> Entry:
        """The entry of a notification that came: the known one while it is the same news, else a new one."""
        now = self._clocks.steady()
        self._forget(now)
        _, entry = self._entries.get(key, (now, None))
        if entry is None:
            entry = self._new(key, 0)
        elif entry.confirmed is not None and now - entry.confirmed > SAME_NEWS_SECONDS:
            entry = self._new(key, entry.turn + 1)
        self._entries[key] = now, entry
        self._entries.move_to_end(key)
        return entry

    def _new(self, key: str, turn: int) -> Entry:
        """Whoever delivers the same news within the hour, another process included, gives it the same ids."""
        hour = int(self._clocks.unix() // 3600)
        return Entry(seed_of(f"{key} {hour} {turn}", ""), turn=turn)

    def confirm(self, key: str) -> None:
        """Alertmanager knows that the notification is delivered, and has no reason to send it again."""
        _, entry = self._entries.get(key, (0.0, None))
        if entry is not None and entry.finished and entry.confirmed is None:
            entry.confirmed = self._clocks.steady()

    def _forget(self, now: float) -> None:
        while self._entries:
            used, _ = next(iter(self._entries.values()))
            if len(self._entries) < LARGEST and now - used <= KEEP_SECONDS:
                return
            self._entries.popitem(last=False)
