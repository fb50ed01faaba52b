"""Keep the record of maintenance that the law asks for, as CSV, and print it for an inspector, as PDF."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp
import click

from dashboards.language import Language
from dashboards.report.document import render
from dashboards.report.gather import Prometheus, gather, month_starts, spell_month
from dashboards.report.record import Month, merge, read_record, write_record
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults
from tapwatch.settings import read_secret

MONTHS = 24
"""Two years, as Art. 6 asks for."""

_file = click.Path(dir_okay=False, path_type=Path)
_QUERY_TIMEOUT = aiohttp.ClientTimeout(total=120)


class ZoneType(click.ParamType[ZoneInfo]):
    """A time zone on the command line."""

    name = "ZONE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Look it up; a wrong one fails with what would be right."""
        try:
            return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError):
            self.fail("must be a time zone such as Asia/Taipei", param, ctx)


@click.command("report")
@click.option("--record", "record_file", type=_file, required=True, help="The CSV file: read, added to, and written.")
@click.option("--prometheus", help="Where Prometheus is, as http://127.0.0.1:9090. Unless given, nothing is added.")
@click.option("--token-file", type=_file, help="The token that Prometheus, or what stands before it, wants.")
@click.option("--pdf", "pdf_file", type=_file, help="Print the last two years into this file.")
@click.option("--site", "sites", multiple=True, help="Print only these; give it once for each.")
@click.option(
    "--language",
    type=click.Choice([language.value for language in Language], case_sensitive=False),
    default=Language.ZH_TW.value,
    show_default=True,
    help="Of the PDF.",
)
@click.option("--time-zone", type=ZoneType(), default="Asia/Taipei", show_default=True, help="Whose days and months.")
@click.option("--until", type=click.DateTime(), help="The end, in the time zone. Unless given, now.")
@exit_on_faults
def command(  # noqa: PLR0913 - a record has as many sides
    *,
    record_file: Path,
    prometheus: str | None,
    token_file: Path | None,
    pdf_file: Path | None,
    sites: tuple[str, ...],
    language: str,
    time_zone: ZoneInfo,
    until: datetime | None,
) -> None:
    """Keep the record of maintenance that the law asks for, and print it for an inspector.

    Prometheus forgets, usually after two weeks; the CSV file does not. Run this at least as often, as from cron:

    \b
    tapwatch report --prometheus http://127.0.0.1:9090 --record record.csv
    tapwatch report --record record.csv --pdf record.pdf --site hospital
    """  # noqa: D301 - click's mark for lines that stay as they are
    end = until.replace(tzinfo=time_zone) if until else datetime.now(UTC).astimezone(time_zone)
    lines = read_record(record_file)
    if prometheus is not None:
        found = asyncio.run(_gather(_checked(prometheus), token_file, end))
        lines = merge(lines, found)
        write_record(record_file, lines)
        click.echo(f"{record_file}: {len(lines)} lines, {len(found)} of them from {prometheus}")
    if pdf_file is not None:
        _print(pdf_file, _chosen(lines, sites, end), Language(language), end)
        click.echo(pdf_file)


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password is not None:
        raise click.BadParameter("must be a URL such as http://127.0.0.1:9090", param_hint="--prometheus")
    return url


async def _gather(url: str, token_file: Path | None, until: datetime) -> list[Month]:
    headers = {}
    if token_file is not None:
        try:
            headers["Authorization"] = f"Bearer {read_secret(token_file).get_secret_value()}"
        except ValueError as error:
            raise TapwatchError(str(error)) from error
    async with aiohttp.ClientSession(headers=headers, timeout=_QUERY_TIMEOUT) as session:
        return await gather(Prometheus(url, session), until, MONTHS)


def _chosen(lines: list[Month], sites: tuple[str, ...], until: datetime) -> list[Month]:
    """The last two years of the chosen sites. Raises TapwatchError when there are none, or no such site."""
    if unknown := sorted(set(sites) - {line.site for line in lines}):
        known = ", ".join(sorted({line.site for line in lines})) or "none"
        raise TapwatchError(f"no such site on record: {', '.join(unknown)}; there are: {known}")
    first, last = spell_month(month_starts(until, MONTHS)[0]), spell_month(until)
    chosen = [line for line in lines if (not sites or line.site in sites) and first <= line.month <= last]
    if not chosen:
        raise TapwatchError("there is nothing on record to print; give --prometheus to add to it")
    return chosen


def _print(file: Path, lines: list[Month], language: Language, written: datetime) -> None:
    try:
        file.write_bytes(render(lines, language, written))
    except OSError as error:
        raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error
