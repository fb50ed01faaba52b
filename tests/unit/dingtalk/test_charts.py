"""Which lines a chart shows, and how it is drawn."""

import subprocess
import sys

from alerting.dingtalk.chart import draw, prepare
from alerting.dingtalk.charts import MOST_LINES, concerned, values_now
from alerting.dingtalk.easel import Picture
from alerting.dingtalk.prometheus import Line
from alerting.payload import Alert
from laboratory.notifications import alert

EXPRESSION = "up"
URL = "http://prometheus/graph?g0.expr=up"


def measured(dispenser: str, status: str = "firing") -> Alert:
    return Alert.model_validate(
        alert(dispenser=dispenser, fingerprint=dispenser, status=status) | {"generatorURL": URL}
    )


def line(dispenser: str, *values: float) -> Line:
    labels = {"__name__": "up", "dispenser": dispenser, "site": "main-campus"}
    return Line(labels, [(60.0 * number, value) for number, value in enumerate(values)])


def test_a_chart_shows_the_alerts_lines_and_no_others() -> None:
    found = concerned([measured("a"), measured("b")], [line("b", 1), line("c", 2), line("a", 3)])
    assert [name for name, _ in found] == ["a", "b"]


def test_of_many_lines_the_first_are_shown() -> None:
    names = [f"d{number}" for number in range(20)]
    assert len(concerned([measured(name) for name in names], [line(name, 1) for name in names])) == MOST_LINES


def test_the_value_now_is_the_last_one_of_the_alerts_own_line() -> None:
    alerts = [measured("a"), measured("b"), measured("c", "resolved")]
    assert values_now(alerts, [line("a", 1, 7.5), line("c", 3)], EXPRESSION) == {"a": 7.5}


def test_an_ambiguous_value_is_none() -> None:
    assert values_now([measured("a")], [line("a", 1), line("a", 2)], EXPRESSION) == {}


def test_a_chart_is_a_picture_whatever_its_lines() -> None:
    prepare()
    for points in (
        [],
        [(0.0, 1.0)],
        [(0.0, float("nan")), (60.0, float("inf"))],
        [(60.0 * n, n % 7) for n in range(240)],
    ):
        content = draw(Picture([("水機 lib-1f", points), ("<b>$x$", points)], 5.0, 30.0, "Asia/Taipei"))
        assert content.startswith(b"\x89PNG")


def test_only_the_process_that_draws_loads_what_draws() -> None:
    """Matplotlib would make every command of the bridge start half a second later."""
    program = "import sys, alerting.dingtalk.command; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
