"""What an alert measures, and against what, from Prometheus' own link."""

from urllib.parse import quote

import pytest

from alerting.dingtalk.expression import Expression, read_expression


def of(expression: str) -> Expression | None:
    return read_expression(f"http://prometheus:9090/graph?g0.expr={quote(expression)}&g0.tab=1")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("dispenser_water_temperature_celsius > 98.5", Expression("dispenser_water_temperature_celsius", ">", 98.5)),
        ("a / b <= -1e3", Expression("a / b", "<=", -1000.0)),
        ("a == bool 3", Expression("a", "==", 3.0)),
        ('sum by (x) (a{b=">1"}) != 2', Expression('sum by (x) (a{b=">1"})', "!=", 2.0)),
        ("vector(1)", Expression("vector(1)")),
        ("a > 1 and b > 2", Expression("a > 1 and b > 2")),
        ("(a > 1 or b) > 2", Expression("(a > 1 or b)", ">", 2.0)),
        ("a > b", Expression("a > b")),
    ],
)
def test_the_threshold_is_the_last_comparison_of_the_whole(expression: str, expected: Expression) -> None:
    assert of(expression) == expected


@pytest.mark.parametrize(
    "url", ["", "http://[", "http://prometheus/graph", "http://prometheus/graph?g0.expr=", "x" * 99_999]
)
def test_a_link_without_an_expression_says_nothing(url: str) -> None:
    assert read_expression(url) is None
