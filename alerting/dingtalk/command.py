"""Bring Alertmanager's notifications to DingTalk: confirmed only when they are safe or delivered."""

import asyncio
import time
from pathlib import Path
from typing import BinaryIO

import click

from alerting.dingtalk import samples
from alerting.dingtalk.bridge import Bridge
from alerting.dingtalk.files import load_all
from alerting.dingtalk.preview import preview, write_page
from alerting.dingtalk.settings import BridgeSettings, load_settings
from alerting.dingtalk.standin.server import StandIn
from alerting.dingtalk.store import records
from alerting.dingtalk.store.database import Database
from alerting.payload import parse_notification
from tapwatch import log
from tapwatch.errors import TapwatchError
from tapwatch.log import LogFormat
from tapwatch.process import AddressType, ProcessOptions, exit_on_faults, process_options, run
from tapwatch.web import Address, serve

DEFAULT_PORT = 9804
STAND_IN_PORT = 9811

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("dingtalk", invoke_without_command=True)
@click.pass_context
@process_options(DEFAULT_PORT)
def command(options: ProcessOptions, ctx: click.Context) -> None:
    """Bring Alertmanager's notifications to DingTalk robots.

    Alertmanager posts to /dingtalk/ROBOT. The answer is 200 only when the notification is safe in the outbox, or
    DingTalk has said errcode 0 to every message of it; 503 makes Alertmanager try again.

    \b
    The settings file:
      robots:
        ops:
          access_token_file: ./ops.token
          secret_file: ./ops.secret        # when the robot is secured by signature
          keywords: [Tapwatch]             # when it is secured by keywords
          language: zh-TW                  # en, zh-TW or zh-CN
          time_zone: Asia/Taipei
      outbox: sqlite:///outbox.db             # postgresql+psycopg://USER@HOST/NAME for more replicas than one
      alertmanagers: [http://127.0.0.1:9093]
      timeout: 3s     # for one answer of DingTalk
      patience: 8s    # for a whole notification; below Alertmanager's group_interval

    \b
    Without DingTalk, in two terminals:
      tapwatch dingtalk stand-in --robots dingtalk.yaml
      tapwatch dingtalk --config.file dingtalk.yaml      # with url: http://127.0.0.1:9811/robot/send
    """  # noqa: D301 - click's mark for lines that stay as they are
    if ctx.invoked_subcommand is not None:
        return
    if options.config_file is None:
        raise click.UsageError("--config.file=FILE is needed: it names the robots")
    file = options.config_file
    run(options, lambda: Bridge(file).service)


@command.command("stand-in")
@click.option(
    "--robots",
    required=True,
    type=_FILE,
    help="The bridge's settings file: the stand-in takes what these robots send.",
)
@click.option(
    "--time-factor",
    type=click.FloatRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many times as fast a minute and a mute pass.",
)
@click.option(
    "--web.listen-address",
    "listen_address",
    type=AddressType(),
    default=f"127.0.0.1:{STAND_IN_PORT}",
    show_default=True,
    help="Where to listen.",
)
@click.option("--log.format", "log_format", type=click.Choice(["auto", "json", "console"]), default="auto")
@exit_on_faults
def stand_in(robots: Path, time_factor: float, listen_address: Address, log_format: LogFormat) -> None:
    """Stand in for DingTalk's cloud, as strict as the real one, with a page that shows the group chat.

    Checks token, signature, timestamp, keywords, size and types; takes 20 messages a minute, then mutes the robot for
    10 minutes.

    \b
    See the chat:      http://127.0.0.1:9811/
    What came:         curl 127.0.0.1:9811/messages
    Let it misbehave:  curl -X POST '127.0.0.1:9811/faults?kind=hang&count=3'
    """  # noqa: D301 - click's mark for lines that stay as they are
    log.configure("info", log_format)
    service = StandIn(load_settings(robots), stopwatch=lambda: time.monotonic() * time_factor).service
    asyncio.run(serve(service, listen_address, None))


@command.command("preview")
@click.option("--config.file", "config_file", required=True, type=_FILE, help="The bridge's settings file.")
@click.option("--robot", "names", multiple=True, help="Only this robot's messages; may be given again.")
@click.option("--page", type=_FILE, help="Write a page here instead of printing.")
@click.argument("payload", type=click.File("rb"), required=False)
@exit_on_faults
def show_preview(config_file: Path, names: tuple[str, ...], page: Path | None, payload: BinaryIO | None) -> None:
    """Show the messages for a PAYLOAD of Alertmanager's webhook, a file or - for standard input; else for an example.

    Nothing is sent.
    """
    settings, people = load_all(config_file)
    for name in names:
        _require_robot(settings, name)
    try:
        notification = samples.sample() if payload is None else parse_notification(payload.read())
    except ValueError as error:
        raise TapwatchError(str(error)) from error
    previews = [preview(settings, people, name, notification) for name in names or settings.robots]
    if page is not None:
        write_page(previews, page)
        click.echo(page)
    else:
        click.echo("\n\n".join(one.text() for one in previews))


def _require_robot(settings: BridgeSettings, name: str) -> None:
    if name not in settings.robots:
        raise TapwatchError(f"no robot is named {name!r}; there are: {', '.join(sorted(settings.robots))}")


@command.command()
@click.option("--config.file", "config_file", required=True, type=_FILE, help="The bridge's settings file.")
@click.option("--robot", default="", help="The robot to send it to. Unless given, the one that it came for.")
@click.argument("number", type=click.IntRange(min=1))
@exit_on_faults
def replay(config_file: Path, robot: str, number: int) -> None:
    """Send a stored notification again: /records of the bridge shows its NUMBER.

    It goes into the outbox; a running bridge delivers it within seconds.
    """
    settings = load_settings(config_file)
    if settings.database is None:
        raise TapwatchError(f"{config_file}: there is no outbox, so nothing is stored")
    if robot:
        _require_robot(settings, robot)
    added = asyncio.run(_replay(Database(settings.database, time.monotonic), number, robot))
    if added is None:
        raise TapwatchError(f"no notification has the number {number}")
    click.echo(f"notification {number} is in the outbox again as {added}")


async def _replay(database: Database, number: int, robot: str) -> int | None:
    try:
        return await database.run(lambda store: records.replay(store, number, robot, time.time()))
    finally:
        await database.close()
