"""Serve two weeks of history up to now, for a Grafana to look at: python -m laboratory.history."""

import contextlib
import signal
import tempfile
import time
from pathlib import Path

from laboratory.history.build import make
from laboratory.history.prometheus import prometheus

with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(KeyboardInterrupt):
    blocks = Path(scratch) / "blocks"
    print("Making two weeks of history, some minutes ...")  # noqa: T201 - progress
    make(blocks, time.time() // 60 * 60)
    with prometheus(Path(scratch), blocks) as server:
        print(f"Prometheus: {server.url}\nCtrl-C stops it.")  # noqa: T201 - the answer
        signal.pause()
