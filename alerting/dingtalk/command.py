"""Bring Alertmanager's notifications to DingTalk: confirmed only when DingTalk has taken them."""

from pathlib import Path

import click

from alerting.dingtalk.bridge import Bridge
from alerting.dingtalk.settings import load_settings
from alerting.dingtalk.standin.server import StandIn
from tapwatch.process import ProcessOptions, process_options, run

DEFAULT_PORT = 9804
STAND_IN_PORT = 9811


@click.group("dingtalk", invoke_without_command=True)
@click.pass_context
@process_options(DEFAULT_PORT)
def command(options: ProcessOptions, ctx: click.Context) -> None:
    """Bring Alertmanager's notifications to DingTalk robots.

    Alertmanager posts to /dingtalk/ROBOT. The answer is 200 only when DingTalk has said errcode 0; 503 makes
    Alertmanager try again.

    \b
    The settings file:
      robots:
        ops:
          access_token_file: ./ops.token
          secret_file: ./ops.secret        # when the robot is secured by signature
          keywords: [Tapwatch]             # when it is secured by keywords
          language: zh-TW                  # en, zh-TW or zh-CN
          time_zone: Asia/Taipei
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
    type=click.Path(dir_okay=False, path_type=Path),
    help="The bridge's settings file: the stand-in takes what these robots send.",
)
@process_options(STAND_IN_PORT)
def stand_in(options: ProcessOptions, robots: Path) -> None:
    """Stand in for DingTalk's cloud, as strict as the real one, with a page that shows the group chat.

    Checks token, signature, timestamp, keywords, size and types; takes 20 messages a minute, then mutes the robot.
    """
    run(options, lambda: StandIn(load_settings(robots)).service)
