"""Bring Alertmanager's alerts to Zabbix as problems, and Zabbix' problems to Alertmanager."""

import click

from alerting.zabbix.bridge import Bridge
from alerting.zabbix.provision.command import provision
from tapwatch.process import ProcessOptions, process_options, run

DEFAULT_PORT = 9805


@click.group("zabbix", invoke_without_command=True)
@click.pass_context
@process_options(DEFAULT_PORT)
def command(options: ProcessOptions, ctx: click.Context) -> None:
    """Bring Alertmanager's alerts to Zabbix as problems, and Zabbix' problems to Alertmanager.

    Alertmanager posts to /zabbix. The answer is 200 only when Zabbix has taken every alert; 503 makes Alertmanager try
    again. Zabbix posts to /zabbix/events. What is acknowledged in one is silenced in the other.

    \b
    The settings file:
      api_url: https://zabbix.example/api_jsonrpc.php
      token_file: ./zabbix.token
      server: zabbix.example:10051             # for a Zabbix before 7.0
      alertmanagers: [http://127.0.0.1:9093]   # for the way back

    \b
    Once, and whenever dispensers come or go:
      tapwatch zabbix provision --config.file zabbix.yaml --token.file admin.token --dry-run
      tapwatch zabbix provision --config.file zabbix.yaml --token.file admin.token
    """  # noqa: D301 - click's mark for lines that stay as they are
    if ctx.invoked_subcommand is not None:
        return
    if options.config_file is None:
        raise click.UsageError("--config.file=FILE is needed: it says where Zabbix is")
    file = options.config_file
    run(options, lambda: Bridge(file).service)


command.add_command(provision)
