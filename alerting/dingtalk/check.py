"""Check the DingTalk bridge's files: settings, people, rotas, templates, and Alertmanager's routes to its robots."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from alerting.dingtalk.draft import first_style
from alerting.dingtalk.files import load_all
from alerting.dingtalk.message import ANY_ID, BODY_BYTES, Extras, Form, Mention, Reader, Style, sample_values, write
from alerting.dingtalk.people import People
from alerting.dingtalk.rota import gaps
from alerting.dingtalk.samples import sample, storm
from alerting.dingtalk.settings import BridgeSettings
from alerting.dingtalk.templating import Templates
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.process import exit_on_faults
from tapwatch.settings import DocumentPath, read_document

_FILE = click.Path(dir_okay=False, path_type=Path)
_FULLEST = Extras(
    mentions=[Mention("Wang", mobile="13800000000")],
    buttons=[("acknowledge", "https://tapwatch.example/act/x"), ("silence", "https://tapwatch.example/act/y")],
    picture="https://tapwatch.example/picture/z.png",
    values={"0": 99.1},
    escalated_minutes=15,
)


@click.command("dingtalk")
@click.option("--alertmanager", type=_FILE, help="Alertmanager's settings: do its webhooks name robots that exist?")
@click.option("--days", type=click.IntRange(1, 366), default=60, show_default=True, help="How far rotas are looked at.")
@click.argument("file", type=_FILE)
@exit_on_faults
def check_dingtalk(file: Path, alertmanager: Path | None, days: int) -> None:
    """Check the DingTalk bridge's settings FILE and all that it names.

    Beside the faults of each file it finds gaps in rotas, templates that fail, drop the keyword or write too much, and
    webhooks of Alertmanager for robots that are not there.
    """
    settings, people = load_all(file)
    faults = Faults()
    faults.add(*_rota_faults(settings, people, datetime.now(UTC), days), *_template_faults(settings))
    if alertmanager is not None:
        with faults.collect():
            faults.add(*_route_faults(settings, alertmanager))
    faults.raise_if_any()
    click.echo(f"{file}: good")


def _rota_faults(settings: BridgeSettings, people: People, now: datetime, days: int) -> Iterator[Fault]:
    for name, rota in people.rotas.items():
        for gap in gaps(people, rota, now.replace(second=0, microsecond=0), days):
            begin, end = (at.astimezone(rota.zone).isoformat(" ", "minutes") for at in (gap.begin, gap.end))
            yield Fault(str(settings.people), None, f"rotas.{name}", f"nobody is on call from {begin} until {end}")


def _template_faults(settings: BridgeSettings) -> Iterator[Fault]:
    """What only shows when messages are written: each language and form once."""
    if settings.templates is None:
        return
    templates = Templates(settings.templates)
    readers = {robot.language: Reader.of(robot, templates) for robot in settings.robots.values()}
    for reader in readers.values():
        for form in Form:
            name = "markdown.j2" if form is Form.CARD else f"{form}.j2"
            values = sample_values(sample(), reader, Style(form), _FULLEST) | {"prefix": "Tapwatch-prefix "}
            failures = templates.try_out(name, values)
            yield from failures
            if not failures and "Tapwatch-prefix" not in templates.render(name, values)[1]:
                yield Fault(str(settings.templates / name), None, "", "drops `prefix`, in which a keyword may stand")
        for notification in (sample(), storm()):
            message = write(notification, reader, first_style(_FULLEST, cards=False), 0, _FULLEST)
            if (size := len(message.encode(ANY_ID))) > BODY_BYTES:
                text = f"writes {size} bytes of at most {BODY_BYTES}"
                yield Fault(str(settings.templates), None, "", f"a message in {reader.language} is too long: it {text}")


def _route_faults(settings: BridgeSettings, file: Path) -> Iterator[Fault]:
    """Webhooks whose path is that of a robot, or of a watchdog, that the settings do not have."""
    document = read_document(file)
    receivers = document.data.get("receivers") if isinstance(document.data, dict) else None
    if not isinstance(receivers, list):
        raise ConfigError([document.fault((), "has no receivers, so it is no file of Alertmanager's")])
    known = {"dingtalk": sorted(settings.robots), "watchdog": sorted(settings.watchdogs)}
    for path, url in _webhooks(receivers):
        kind, _, name = urlsplit(url).path.strip("/").partition("/")
        if kind in known and name not in known[kind]:
            there = ", ".join(known[kind]) or "none"
            yield document.fault(
                path, f"no {'robot' if kind == 'dingtalk' else kind} is named {name!r}; there are: {there}"
            )


def _webhooks(receivers: list[object]) -> Iterator[tuple[DocumentPath, str]]:
    for number, receiver in enumerate(receivers):
        configs = receiver.get("webhook_configs", []) if isinstance(receiver, dict) else []
        for index, one in enumerate(configs if isinstance(configs, list) else []):
            if isinstance(one, dict) and isinstance(one.get("url"), str):
                yield ("receivers", number, "webhook_configs", index, "url"), one["url"]
