"""The demo's ports."""

import socket

from demo.ports import USUAL, Ports
from tapwatch.web import free_port


def test_the_files_addresses_become_those_of_this_demo() -> None:
    ports = Ports({name: port + 10000 for name, port in USUAL.items()})
    text = "url: http://127.0.0.1:9804/dingtalk/ops\ntargets: ['localhost:9090', '10.0.0.1:9090', '127.0.0.1:9999']\n"
    assert ports.translate(text) == (
        "url: http://127.0.0.1:19804/dingtalk/ops\ntargets: ['127.0.0.1:19090', '10.0.0.1:9090', '127.0.0.1:9999']\n"
    )


def test_a_taken_port_is_left_to_whoever_has_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Ports.choose({"prometheus": port}) as chosen:
            assert chosen.by_process["prometheus"] != port


def test_two_demos_that_start_at_once_choose_different_ports() -> None:
    wanted = {"prometheus": free_port()}
    with Ports.choose(wanted) as one, Ports.choose(wanted) as other:
        assert one.by_process == wanted
        assert other.by_process != wanted
    with Ports.choose(wanted) as later:
        assert later.by_process == wanted
