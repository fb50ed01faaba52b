"""`tapwatch zabbix provision`."""

import sys
from pathlib import Path

import click

from alerting.zabbix.api import Api
from alerting.zabbix.provision.change import Change
from alerting.zabbix.provision.hosts import load_subjects
from alerting.zabbix.provision.run import Provisioning
from alerting.zabbix.settings import load_provision_settings
from tapwatch import log
from tapwatch.errors import Fault, Faults
from tapwatch.process import exit_on_faults
from tapwatch.settings import read_secret

_FILE = click.Path(dir_okay=False, path_type=Path)
_TIMEOUT_SECONDS = 300.0
"""For one call: a hundred hosts at a time on a busy Zabbix."""


@click.command()
@click.option("--config.file", "config_file", type=_FILE, required=True, help="The bridge's settings file (YAML).")
@click.option(
    "--token.file", "token_file", type=_FILE, required=True, help="The API token of a super administrator, in a file."
)
@click.option("--dry-run", "dry", is_flag=True, help="Only show what would change; exit status 1 when anything would.")
@exit_on_faults
def provision(config_file: Path, token_file: Path, *, dry: bool) -> None:
    """Make and keep in Zabbix what the bridge needs.

    Templates, host groups, a host for each dispenser, site, cluster and node of the settings, a media type with two
    actions, and an account for the bridge, whose token is written to the settings' token_file when there is none yet.
    Running it again changes nothing. Hosts that have left the inventory are disabled, not deleted.
    """
    log.configure("warning")
    faults = Faults()
    with faults.collect():
        settings = load_provision_settings(config_file)
        subjects = load_subjects(settings)
    try:
        token = read_secret(token_file)
    except ValueError as error:
        faults.add(Fault(str(token_file), None, "", str(error)))
    faults.raise_if_any()
    api = Api(settings.api_url, token, _TIMEOUT_SECONDS)
    changes = Provisioning(api, settings, subjects).run(_show, dry=dry)
    click.echo("Nothing to change." if not changes else f"{changes} changes{' would be made' if dry else ' made'}.")
    if dry and changes:
        sys.exit(1)


def _show(change: Change) -> None:
    click.echo(str(change))
