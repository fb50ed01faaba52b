"""Serve dispensers to Prometheus: /probe reads one over Modbus, /sd lists the inventory."""

import click

from exporters.dispenser.exporter import Exporter
from tapwatch.process import ProcessOptions, process_options, run

DEFAULT_PORT = 9802


@click.command("dispenser-exporter")
@process_options(DEFAULT_PORT)
def command(options: ProcessOptions) -> None:
    """Serve dispensers to Prometheus over HTTP.

    Without a settings file it probes any address with the built-in register maps. With one it has your own maps, and
    an inventory that Prometheus discovers: at /sd each dispenser, for /probe, or at /sd/gateways whole gateways, for
    /gateway.

    \b
    Try it:  curl 'http://127.0.0.1:9802/probe?target=10.0.5.7:502/17'
    Look closer, with raw registers:  ...&debug=true
    Targets are HOST[:PORT]/UNIT, tls://HOST[:PORT]/UNIT, rtu+tcp://HOST:PORT/UNIT
    and serial:///dev/ttyX?baudrate=9600&parity=N/UNIT

    \b
    The settings file, with the defaults of what it need not say:
      maps: [./maps/*.yaml]            # beside the built-in ones
      inventory: [./dispensers.yaml]   # or .csv
      timeout: 2s                      # for one Modbus answer, at the most
      reuse: 0s                        # how old a reading may be that answers another probe
      targets: any                     # beside the inventory: any, inventory (none), or [10.0.0.0/8]
      tls: {ca_file: ./ca.pem}         # for tls:// gateways; also cert_file, key_file
    """  # noqa: D301 - click's mark for lines that stay as they are
    run(options, lambda: Exporter(options.config_file).service)
