"""Watch Kubernetes API servers from outside: every replica, and the address users use."""

import os
from pathlib import Path

import click

from exporters.cluster.exporter import Exporter
from exporters.cluster.settings import Plan, default_plan, load_plan
from tapwatch.process import ProcessOptions, process_options, run

DEFAULT_PORT = 9803


@click.command("cluster-exporter")
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Watch the current context of this file; without a settings file only.",
)
@process_options(DEFAULT_PORT)
def command(options: ProcessOptions, kubeconfig: Path | None) -> None:
    """Watch Kubernetes API servers from outside.

    Every API server replica, and the address that users use, is asked for /livez and /readyz with their single checks,
    and written through; leaders, etcd, nodes, workloads and components are watched as far as our rights go.
    Without a settings file it watches the current kubeconfig context, or its own cluster from inside a pod.

    \b
    Look:  curl -s 127.0.0.1:9803/metrics | grep controlplane_
           curl -s 127.0.0.1:9803/sd/services

    \b
    The settings file:
      clusters:
        - name: campus
          kubeconfig: ./campus.kubeconfig   # else kubectl's own
          context: admin                    # else the current one
          endpoints: [https://10.0.0.11:6443, https://10.0.0.12:6443]   # else discovered
          region: tw-north
          zone: a
          provider: on-premises
        - name: annex
          server: https://annex.example:6443   # in place of a kubeconfig
          token_file: ./annex.token
          ca_file: ./annex-ca.crt
      interval: 5s          # between two probes of an endpoint
      connect_timeout: 1s   # name, connection and TLS
      timeout: 4s           # for a whole request

    docs/cluster-exporter.md has the rest.
    """  # noqa: D301 - click's mark for lines that stay as they are
    if options.config_file is not None and kubeconfig is not None:
        raise click.UsageError("give --kubeconfig or --config.file; the settings file names kubeconfigs itself")

    def load() -> Plan:
        if options.config_file is None:
            return default_plan(kubeconfig, os.environ)
        return load_plan(options.config_file, os.environ)

    run(options, lambda: Exporter(load).service)
