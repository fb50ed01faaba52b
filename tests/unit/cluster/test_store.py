"""Stores after lists and changes."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.cluster.objects.resource import Metadata, Wire
from exporters.cluster.objects.store import Store


class Thing(Wire, frozen=True):
    """An object with one thing to know."""

    metadata: Metadata
    value: int = 0


class Things(Store[Thing, int]):
    """Keeps the value; notes what went."""

    def __init__(self) -> None:
        super().__init__()
        self.went: list[int] = []

    def read(self, one: Thing, before: int | None) -> int:  # noqa: ARG002 - of any store
        return one.value

    def gone(self, row: int) -> None:
        self.went.append(row)


def thing(name: str, value: int = 0) -> Thing:
    return Thing(Metadata(name, "shop"), value)


def fill(store: Things, objects: dict[str, int]) -> None:
    store.begin()
    for name, value in objects.items():
        store.put(thing(name, value))
    store.end()


_OBJECTS = st.dictionaries(st.sampled_from("abcdef"), st.integers())


@given(_OBJECTS, _OBJECTS)
def test_after_a_list_there_is_what_was_listed_and_what_is_not_is_gone(
    first: dict[str, int], second: dict[str, int]
) -> None:
    store = Things()
    fill(store, first)
    fill(store, second)
    assert {name: row for (_, name), row in store.rows()} == second
    assert sorted(store.went) == sorted(value for name, value in first.items() if name not in second)
    assert len(store) == len(second)


def test_a_list_that_breaks_off_takes_nothing_away() -> None:
    store = Things()
    fill(store, {"a": 1, "b": 2})
    store.begin()
    store.put(thing("a", 3))
    assert [row for _, row in store.rows()] == [3, 2]
    fill(store, {"b": 2})
    assert [row for _, row in store.rows()] == [2]


def test_an_object_that_was_never_seen_may_be_deleted() -> None:
    store = Things()
    store.drop(thing("a"))
    assert (len(store), store.went, store.complete) == (0, [], False)
