"""The picture: lines over the last hours with the threshold, drawn without a display. Runs in a worker process."""

import io
import warnings
from zoneinfo import ZoneInfo

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from alerting.dingtalk.easel import Picture

_INCHES, _DOTS = (6.0, 2.6), 110
_FAMILIES = ["Noto Sans CJK SC", "Noto Sans CJK TC", "WenQuanYi Micro Hei", "DejaVu Sans"]
"""The first that the machine has."""


def draw(picture: Picture) -> bytes:
    """The PNG."""
    zone = ZoneInfo(picture.time_zone)
    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, points in picture.lines:
        axes.plot([_day(at) for at, _ in points], [value for _, value in points], label=name, linewidth=1.6)
    if picture.threshold is not None:
        axes.axhline(picture.threshold, color="#dc2626", linestyle="--", linewidth=1.2)
    axes.axvline(_day(picture.fired_at), color="#d97706", linestyle=":", linewidth=1.2)
    locator = AutoDateLocator(tz=zone, maxticks=7)  # type: ignore[no-untyped-call]  # the library's
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]  # as above
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(picture.lines) > 1:
        axes.legend(fontsize="x-small", frameon=False)
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a font without a name's characters shows boxes
        figure.savefig(content, format="png")
    return content.getvalue()


def _day(unix: float) -> float:
    """Days since 1970, which matplotlib counts in."""
    return unix / 86400


def prepare() -> None:
    """What takes long the first time: fonts."""
    mpl.rcParams["font.sans-serif"] = _FAMILIES
    mpl.rcParams["axes.unicode_minus"] = False
    mpl.rcParams["text.parse_math"] = False  # a dollar in a name is a dollar
    draw(Picture([("", [(0.0, 0.0), (60.0, 1.0)])], None, 0.0, "UTC"))
