"""Which host an alert is about."""

import pytest

from alerting.zabbix.subject import STACK, Subject, of_labels


@pytest.mark.parametrize(
    ("labels", "host", "group"),
    [
        ({"dispenser": "d1", "site": "s", "cluster": "c"}, "tapwatch.dispenser.d1", "Tapwatch/sites/s"),
        ({"dispenser": "d1"}, "tapwatch.dispenser.d1", "Tapwatch"),
        ({"cluster": "c", "node": "n", "site": "s"}, "tapwatch.node.c.n", "Tapwatch/clusters/c"),
        ({"cluster": "c"}, "tapwatch.cluster.c", "Tapwatch/clusters/c"),
        ({"site": "s"}, "tapwatch.site.s", "Tapwatch/sites/s"),
        ({"node": "n"}, "tapwatch.stack.tapwatch", "Tapwatch"),
        ({}, "tapwatch.stack.tapwatch", "Tapwatch"),
    ],
)
def test_an_alert_is_about_the_smallest_thing_that_its_labels_name(
    labels: dict[str, str], host: str, group: str
) -> None:
    subject = of_labels(labels)
    assert subject.host == host
    assert subject.groups == (group,)


def test_a_dispenser_knows_where_it_stands() -> None:
    labels = {"dispenser": "d1", "site": "campus", "building": "library", "floor": "3", "module": "default"}
    subject = of_labels(labels)
    assert subject.name == "Dispenser d1"
    assert subject.location == "campus, library, floor 3"
    assert ("floor", "3") in subject.all_tags


def test_every_host_of_ours_is_marked_and_none_carries_the_mark_of_alerts() -> None:
    """A tag `source` on the host would keep the machine's own problems from being forwarded."""
    subjects: list[Subject] = [STACK, *(of_labels({"dispenser": "d", "site": "s"}) for _ in range(1))]
    for subject in subjects:
        assert ("managed-by", "tapwatch") in subject.all_tags
        assert "source" not in dict(subject.all_tags)
