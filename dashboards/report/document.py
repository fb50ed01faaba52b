"""The record as a PDF for an inspector: what the law asks for first, then every dispenser, month by month."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from itertools import groupby
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from reportlab.platypus.flowables import Flowable

from dashboards.language import Language, Text, say
from dashboards.report.record import Month

_FONT = "MSung-Light"
"""Every reader brings this font of Adobe's for Traditional Chinese; Latin letters are in it too."""

_BODY = ParagraphStyle("body", fontName=_FONT, fontSize=9, leading=13)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=17, leading=24, spaceAfter=4 * mm)
_HEADING = ParagraphStyle("heading", parent=_BODY, fontSize=11, leading=16, spaceBefore=5 * mm, spaceAfter=2 * mm)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10)

_MARGIN = 16 * mm
_WIDTHS = [18 * mm, 46 * mm, 30 * mm, 24 * mm, 18 * mm, 20 * mm, 22 * mm]
_NAME = Text("Maintenance record of drinking-water dispensers", "飲水機維護管理紀錄")
_PERIOD = Text("Period: {first} to {last}. Written on {today}.", "期間：{first} 至 {last}。列印日期：{today}。")
_BASIS = Text(
    "Basis: Taiwan, regulation on drinking-water equipment in continuous supply, Art. 6 (maintenance at least once a "
    "month, records kept for two years), Arts. 7 and 8 (coliform test every three months of one dispenser in eight, "
    "except for outlets kept at 90 °C or above).",
    "依據：飲用水連續供水固定設備使用及維護管理辦法第 6 條（每月至少維護一次，紀錄保存二年）、第 7 條及第 8 "
    "條（每三個月抽驗八分之一設備之大腸桿菌群，維持 90 °C 以上之出水口免驗）。",
)
_SOURCE = Text(
    "Dates are what the dispensers' controllers recorded. Coolest: the lowest temperature measured in the hot tank. "
    "Readings: the share of the month's hours in which the dispenser answered. Exempt: never below 90 °C, with "
    "readings in at least 95 % of the hours.",
    "日期為飲水機控制器之紀錄。最低溫：熱水箱量得之最低溫度。讀值：當月有回應之時數比例。免驗：未曾低於 90 °C，"
    "且讀值達 95 % 以上。",
)
_SUMMARY = Text(
    "{dispensers} dispensers, {months} months on record, {missing} of them without maintenance.",
    "共 {dispensers} 台、{months} 個月紀錄，其中 {missing} 個月無維護。",
)
_HEADINGS = (
    Text("Month", "月份"),
    Text("Maintained on", "維護日期"),
    Text("Membrane renewed", "薄膜更換"),
    Text("Coolest hot water", "熱水最低溫"),
    Text("Exempt", "免驗"),
    Text("Readings", "讀值"),
    Text("Litres", "公升"),
)
_NONE, _YES = Text("none", "無"), Text("yes", "是")
_FLOOR = Text("floor {floor}", "{floor} 樓")
_SIGNED = Text(
    "Responsible person: ______________________   Date: ______________",
    "負責人簽章：______________________   日期：______________",
)
_PAGE = Text("Page {number}", "第 {number} 頁")


def render(lines: Sequence[Month], language: Language, written: datetime) -> bytes:
    """The PDF of a record; raises ValueError when the record is empty."""
    if not lines:
        raise ValueError("there is nothing on record")
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    out = BytesIO()
    name = say(_NAME, language)
    document = SimpleDocTemplate(
        out, pagesize=A4, title=name, author="Tapwatch", leftMargin=_MARGIN, rightMargin=_MARGIN
    )

    def number_page(canvas: Canvas, _document: SimpleDocTemplate) -> None:
        canvas.setFont(_FONT, 8)
        canvas.drawRightString(A4[0] - _MARGIN, 9 * mm, say(_PAGE, language).format(number=canvas.getPageNumber()))

    document.build(list(_story(lines, language, written)), onFirstPage=number_page, onLaterPages=number_page)
    return out.getvalue()


def _story(lines: Sequence[Month], language: Language, written: datetime) -> list[Flowable]:
    months = sorted({line.month for line in lines})
    summary = say(_SUMMARY, language).format(
        dispensers=len({line.place for line in lines}),
        months=len(lines),
        missing=sum(not line.maintained for line in lines),
    )
    period = say(_PERIOD, language).format(first=months[0], last=months[-1], today=f"{written:%Y-%m-%d}")
    story: list[Flowable] = [Paragraph(say(_NAME, language), _TITLE)]
    story += [Paragraph(text, _BODY) for text in (period, say(_BASIS, language), say(_SOURCE, language))]
    story += [Paragraph(summary, _HEADING)]
    for place, found in groupby(sorted(lines), key=lambda line: line.place):
        site, building, floor, dispenser = map(escape, place)
        title = f"{dispenser} · {site} · {building} · {say(_FLOOR, language).format(floor=floor)}"
        rows = list(found)
        # The heading stays with the first lines; a table of two years may still break over pages.
        story.append(KeepTogether([Paragraph(title, _HEADING), _table(rows[:1], language)]))
        if len(rows) > 1:
            story.append(_table(rows[1:], language, headings=False))
    return [*story, Spacer(1, 14 * mm), Paragraph(say(_SIGNED, language), _BODY)]


def _table(lines: Sequence[Month], language: Language, *, headings: bool = True) -> Table:
    rows = [[Paragraph(say(text, language), _CELL) for text in _HEADINGS]] if headings else []
    rows += [[Paragraph(escape(cell), _CELL) for cell in _cells(line, language)] for line in lines]
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.25, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    if headings:
        style.add("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)
    for row, line in enumerate(lines, start=len(rows) - len(lines)):
        if not line.maintained:
            style.add("BACKGROUND", (1, row), (1, row), colors.mistyrose)
    return Table(rows, colWidths=_WIDTHS, style=style)


def _cells(line: Month, language: Language) -> list[str]:
    none = say(_NONE, language)
    return [
        line.month,
        ", ".join(map(str, line.maintained)) or none,
        ", ".join(map(str, line.membrane_renewed)) or none,
        none if line.coolest_hot_celsius is None else f"{line.coolest_hot_celsius:.1f} °C",
        say(_YES, language) if line.exempt else "",
        f"{line.readings_ratio:.0%}",
        f"{line.liters:.0f}",
    ]
