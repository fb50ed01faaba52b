"""What was told is not told again, and a reminder is not taken for a repetition."""

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.ledger import KEEP_SECONDS, LARGEST, SAME_NEWS_SECONDS, Entry, Ledger


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ledger_by(clock: Clock, unix: float = 1_790_000_000.0) -> Ledger:
    return Ledger(Clocks(lambda: unix, clock))


def finish(entry: Entry) -> Entry:
    entry.told, entry.messages, entry.finished = 1, 1, True
    return entry


def test_an_unfinished_notification_goes_on_where_it_stopped() -> None:
    ledger = ledger_by(Clock())
    first = ledger.open("k")
    first.told, first.messages = 7, 1
    assert ledger.open("k") is first
    assert ledger.open("other") is not first


def test_every_try_of_a_message_has_one_id_and_every_other_message_another() -> None:
    ledger = ledger_by(Clock())
    entry = ledger.open("k")
    first = entry.message_id("markdown", 20000)
    assert entry.message_id("markdown", 20000) == first
    assert entry.message_id("text", 20000) != first
    entry.messages += 1
    assert entry.message_id("markdown", 20000) != first
    assert ledger.open("other").message_id("markdown", 20000) != first


def test_another_process_gives_the_same_news_the_same_id_and_a_later_reminder_another() -> None:
    first, other, later = (ledger_by(Clock(), unix).open("k").seed for unix in (3600.0, 7199.0, 7200.0))
    assert first == other
    assert first != later


def test_the_second_alertmanagers_copy_is_the_same_news() -> None:
    clock = Clock()
    ledger = ledger_by(clock)
    first = finish(ledger.open("k"))
    ledger.confirm("k")
    clock.now += SAME_NEWS_SECONDS
    assert ledger.open("k") is first


def test_a_reminder_is_told_again() -> None:
    clock = Clock()
    ledger = ledger_by(clock)
    first = finish(ledger.open("k"))
    ledger.confirm("k")
    clock.now += SAME_NEWS_SECONDS + 1
    second = ledger.open("k")
    assert second is not first
    assert (second.told, second.finished, second.confirmed) == (0, False, None)


def test_a_copy_does_not_put_the_reminder_off() -> None:
    clock = Clock()
    ledger = ledger_by(clock)
    first = finish(ledger.open("k"))
    for _ in range(3):
        ledger.confirm("k")
        assert ledger.open("k") is first
        clock.now += SAME_NEWS_SECONDS / 3 + 1
    assert ledger.open("k") is not first


def test_what_alertmanager_has_not_heard_of_stays_delivered_when_it_asks_again() -> None:
    clock = Clock()
    ledger = ledger_by(clock)
    first = finish(ledger.open("k"))
    clock.now += 3600
    assert ledger.open("k") is first


def test_what_is_not_delivered_cannot_be_confirmed() -> None:
    ledger = ledger_by(Clock())
    entry = ledger.open("k")
    ledger.confirm("k")
    ledger.confirm("unknown")
    assert entry.confirmed is None


def test_old_entries_are_forgotten() -> None:
    clock = Clock()
    ledger = ledger_by(clock)
    first = ledger.open("k")
    clock.now += KEEP_SECONDS + 1
    assert ledger.open("k") is not first


def test_the_ledger_never_grows_beyond_its_size_and_forgets_the_least_used() -> None:
    ledger = ledger_by(Clock())
    kept, lost = ledger.open("kept"), ledger.open("lost")
    for number in range(LARGEST - 3):
        ledger.open(str(number))
    assert ledger.open("kept") is kept
    ledger.open("one more")
    ledger.open("and another")
    assert ledger.open("kept") is kept
    assert ledger.open("lost") is not lost
