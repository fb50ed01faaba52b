"""The reader of expressions that the other tests trust."""

import pytest

from laboratory.rules.promql import Matcher, matchers, metric_names


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('count by (site) (a_up{site=~"x|y"}) > 1 and on (site) site:a_up:avg == 0', {"a_up", "site:a_up:avg"}),
        ("sum by (robot) (increase(b_total[5m])) / 3.6e6 > 0", {"b_total"}),
        ('time() - max (c_seconds{path="/readyz"}) > 60 or vector(0)', {"c_seconds"}),
        ("d unless on (instance) e offset 5m", {"d", "e"}),
        ("last_over_time(f[30m]) == bool 1", {"f"}),
    ],
)
def test_every_metric_is_found_and_nothing_else(expr: str, names: set[str]) -> None:
    assert metric_names(expr) == names


def test_every_matcher_is_found() -> None:
    found = list(matchers('a{x="1",y=~"2|3"} > ignoring (x) b{z!=""}'))
    assert found == [Matcher("a", "x", "=", "1"), Matcher("a", "y", "=~", "2|3"), Matcher("b", "z", "!=", "")]
