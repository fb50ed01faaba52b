"""Credentials while they are renewed in a thread."""

import asyncio
from contextlib import suppress
from pathlib import Path

import trustme

from exporters.cluster.credentials import Credentials
from exporters.cluster.kubeconfig import read_target
from exporters.cluster.settings import Timing
from laboratory.kubernetes.kubeconfig import token_user, write_kubeconfig
from tapwatch.errors import PollError


async def test_whoever_waits_can_be_cancelled_at_any_moment(tmp_path: Path) -> None:
    """Also when the result has just come: asyncio.wait_for of Python 3.11 forgets the cancellation then."""
    file = write_kubeconfig(
        tmp_path / "kubeconfig", "https://127.0.0.1:1", trustme.CA().cert_pem.bytes(), "tester", token_user("hunter2")
    )
    credentials = Credentials(read_target([file], None), Timing())
    for turn in range(300):
        task = asyncio.create_task(credentials.renew(rejected=False))
        await asyncio.sleep(turn * 2e-5)
        was_waiting = task.cancel()
        with suppress(asyncio.CancelledError, PollError):  # the last turn's thread may be busy still
            await task
        assert task.cancelled() == was_waiting
