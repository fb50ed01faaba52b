"""Objects of one kind as they were seen last, cut down to what is wanted."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from exporters.cluster.objects.resource import Object

ObjectKey = tuple[str, str]
"""Namespace, empty for what has none, and name."""


Row = TypeVar("Row")


class Store(ABC, Generic[Object, Row]):
    """Rows by namespace and name. Of each object a subclass says what to keep, in `read`."""

    def __init__(self) -> None:
        self._rows: dict[ObjectKey, Row] = {}
        self._unseen: set[ObjectKey] = set()
        self.complete = False
        """Whether a whole list was had once."""

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, namespace: str, name: str) -> Row | None:
        """The row of one object."""
        return self._rows.get((namespace, name))

    def rows(self) -> Iterator[tuple[ObjectKey, Row]]:
        """All, sorted, so that one scrape looks like the next."""
        return iter(sorted(self._rows.items(), key=_key))

    def begin(self) -> None:
        """A list begins: what does not come until its end is gone."""
        self._unseen = set(self._rows)

    def put(self, one: Object) -> None:
        """An object as it is now."""
        key = one.metadata.namespace, one.metadata.name
        self._unseen.discard(key)
        self._rows[key] = self.read(one, self._rows.get(key))

    def drop(self, one: Object) -> None:
        """An object that was deleted."""
        self._remove((one.metadata.namespace, one.metadata.name))

    def end(self) -> None:
        """The list is over."""
        for key in self._unseen:
            self._remove(key)
        self._unseen = set()
        self.complete = True

    @abstractmethod
    def read(self, one: Object, before: Row | None) -> Row:
        """What to keep of an object, which was `before`."""

    def gone(self, row: Row) -> None:
        """An object was deleted."""

    def _remove(self, key: ObjectKey) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self.gone(row)


def _key(item: tuple[ObjectKey, object]) -> ObjectKey:
    return item[0]
