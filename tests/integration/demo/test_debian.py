"""Debian's packages as the demo gets them, from an archive made by the test."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from demo.debian import Program
from demo.packages import unpacked
from tapwatch.errors import TapwatchError
from tests.integration.demo.archive import Archive, apt_settings


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("APT_CONFIG", str(apt_settings(tmp_path, f"copy:{tmp_path}/archive")))
    return Archive(tmp_path / "archive")


def said(folder: Path, program: str, *, cwd: Path = Path("/")) -> str:
    return subprocess.run(
        [folder / "bin" / program], cwd=cwd, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_program_is_run_from_where_it_was_unpacked(archive: Archive) -> None:
    archive.add("pump", {"usr/sbin/pump": "$# arguments: $*"})
    programs = [Program("pump", arguments='--web="$root/usr/share/pump"', environment={"UNIT": "$root"})]
    folder = unpacked("pump", programs)
    assert said(folder, "pump") == f"1 arguments: --web={folder}/root/usr/share/pump"


def test_a_program_that_became_a_package_of_its_own_is_found_there(archive: Archive) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"}, depends="adduser, pumptool (= 1) | pump-all, pump-manual")
    archive.add("pumptool", {"usr/bin/pumptool": "checks"})
    archive.add("pump-manual", {"usr/share/pump/manual": "thick"})
    folder = unpacked("pump", [Program("pump"), Program("pumptool")])
    assert [said(folder, name) for name in ("pump", "pumptool")] == ["flows", "checks"]
    assert not (folder / "root/usr/share/pump/manual").exists(), "a package that nobody misses was fetched"


def test_a_program_that_only_a_package_of_its_name_holds_is_found_there(archive: Archive) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    archive.add("pumptool", {"usr/bin/pumptool": "checks"})
    assert said(unpacked("pump", [Program("pumptool")]), "pumptool") == "checks"


def test_a_library_that_this_machine_lacks_comes_from_what_the_package_depends_on(archive: Archive) -> None:
    listing = Path(shutil.which("ls") or "").read_bytes()
    library = next(Path("/usr/lib").glob("*-linux-gnu*/libselinux.so.1"), None) or next(
        Path("/lib").glob("*-linux-gnu*/libselinux.so.1")
    )
    # A real executable that needs libtapwatc.so.1, as no machine has one, and no compiler is needed to make it.
    archive.add(
        "pump",
        {"usr/bin/pump": listing.replace(b"libselinux.so.1", b"libtapwatc.so.1")},
        depends="libtap-common, libtapwatc1t64",
    )
    archive.add("libtap-common", {"usr/share/tap/README": "read"})
    archive.add("libtapwatc1t64", {f"usr/lib/{library.parent.name}/libtapwatc.so.1": library.read_bytes()})
    folder = unpacked("pump", [Program("pump")])
    assert "bin" in subprocess.run([folder / "bin/pump", folder], capture_output=True, text=True, check=True).stdout


def test_a_library_that_no_package_holds_is_named(archive: Archive) -> None:
    listing = Path(shutil.which("ls") or "").read_bytes()
    archive.add("pump", {"usr/bin/pump": listing.replace(b"libselinux.so.1", b"libtapwatc.so.1")}, depends="libother1")
    archive.add("libother1", {"usr/lib/other": "nothing"})
    with pytest.raises(TapwatchError, match=r"package pump and those it depends on hold no libtapwatc\.so\.1"):
        unpacked("pump", [Program("pump")])


def test_what_links_point_to_is_fetched_and_what_they_never_find_is_no_fault(archive: Archive) -> None:
    archive.add(
        "pump",
        {
            "usr/share/pump/web/valve": Path("../../javascript/valve"),
            "usr/share/pump/web/gone": Path("../../javascript/gone"),
            "usr/share/doc/pump/thick": Path("../thick-book/thick"),
        },
        depends="libjs-tap, libjs-valve-extra, libjs-valve, thick-book",
    )
    archive.add("libjs-valve", {"usr/share/javascript/valve/valve.js": "opens"})
    for name in ("libjs-tap", "libjs-valve-extra", "thick-book"):
        archive.add(name, {f"usr/share/{name}/{name}": "heavy"})
    root = unpacked("pump") / "root"
    assert (root / "usr/share/pump/web/valve/valve.js").exists()
    assert {entry.name for entry in (root / "usr/share").iterdir()} == {"pump", "doc", "javascript"}


def test_progress_names_each_package_with_count_and_size(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    archive.add("pump", {"usr/bin/pump": b"x" * 2_340_000}, depends="pumptool")
    archive.add("pumptool", {"usr/bin/pumptool": "checks"})
    unpacked("pump", [Program("pump"), Program("pumptool")])
    out, errors = capsys.readouterr()
    assert out == ""
    assert "pump (1 of 1): 2.4 MB\n" in errors
    assert "pumptool (2 of 2): 0.0 MB\n" in errors


def test_the_second_time_nothing_is_fetched_and_a_full_disk_or_a_missing_apt_does_not_matter(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    folder = unpacked("pump", [Program("pump")])
    capsys.readouterr()
    monkeypatch.setenv("PATH", "/nowhere")
    assert unpacked("pump", [Program("pump")]) == folder
    assert capsys.readouterr().err == ""


def test_the_lists_of_the_system_serve_while_they_are_right(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    subprocess.run([shutil.which("apt-get") or "", "update", "-qq"], check=True)
    unpacked("pump", [Program("pump")])
    assert "package lists" not in capsys.readouterr().err
    archive.add("valve", {"usr/bin/valve": "opens"})  # the lists do not know it
    archive.add("tank", {"usr/bin/tank": "old"})
    subprocess.run([shutil.which("apt-get") or "", "update", "-qq"], check=True)
    archive.add("tank", {"usr/bin/tank": "new"}, version="2")  # they name an archive that is not kept any more
    assert said(unpacked("tank", [Program("tank")]), "tank") == "new"
    assert "Fetching package lists" in capsys.readouterr().err


def test_a_package_that_no_source_has_is_told_with_the_files_to_look_at(archive: Archive) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    with pytest.raises(TapwatchError, match=r"apt finds no package valve .* as it is in none of them; .*sources\.list"):
        unpacked("valve")


def test_an_archive_that_cannot_be_reached_is_told_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("APT_CONFIG", str(apt_settings(tmp_path, "http://127.0.0.1:1/debian")))
    with pytest.raises(TapwatchError) as caught:
        unpacked("pump")
    message = str(caught.value)
    assert "http://127.0.0.1:1/debian" in message
    assert re.search(r"Connection refused|Unable to connect to 127\.0\.0\.1:1\b", message)  # apt's words, by release
    assert "check the network" in message
    assert "\n" not in message


def test_a_system_that_is_no_debian_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TapwatchError, match=r"no apt-get, .*dpkg-query: it is no Debian"):
        unpacked("pump")


def test_a_cache_that_cannot_be_written_is_told_with_the_way_out(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(TapwatchError, match=r"file/tapwatch cannot be written \(Not a directory.*XDG_CACHE_HOME="):
        unpacked("pump")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        TapwatchError("dpkg-deb failed: cannot copy extracted data: failed to write (No space left on device)"),
    ],
)
def test_a_full_disk_is_told_with_the_way_out(archive: Archive, error: Exception) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})

    def fills_the_disk(_: Path) -> None:
        raise error

    with pytest.raises(TapwatchError, match=r"is full \(\d+ MB are free\): .*XDG_CACHE_HOME="):
        unpacked("pump", finish=fills_the_disk)


def test_a_folder_that_lost_a_part_is_fetched_again(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    program = unpacked("pump", [Program("pump")]) / "root/usr/bin/pump"
    program.unlink()

    def fault(_: Path) -> str:
        return "" if program.exists() else "there is no pump"

    assert said(unpacked("pump", [Program("pump")], fault=fault), "pump") == "flows"
    assert "is broken (there is no pump) and is fetched again" in capsys.readouterr().err


def test_a_package_that_never_runs_is_told_and_not_fetched_for_ever(archive: Archive) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    with pytest.raises(TapwatchError, match="package pump does not run on this machine: it leaks"):
        unpacked("pump", fault=lambda _: "it leaks")


class Stalling(ThreadingHTTPServer):
    """Serves the archive's index, and keeps who wants a package waiting until it may go on."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.asked = threading.Event()
        self.may_go_on = threading.Event()
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]  # as the server passes them

            def do_GET(self) -> None:
                if self.path.endswith(".deb"):
                    server.asked.set()
                    server.may_go_on.wait()
                super().do_GET()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def stalling(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalling]:
    with Stalling(archive.folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        (tmp_path / "slow").mkdir()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("APT_CONFIG", str(apt_settings(tmp_path / "slow", address)))
        yield server
        server.may_go_on.set()
        server.shutdown()
        thread.join()


def test_a_fetch_that_was_killed_leaves_nothing_in_the_way_of_the_next(archive: Archive, stalling: Stalling) -> None:
    archive.add("pump", {"usr/bin/pump": "flows"})
    fetch = "from demo.packages import unpacked; from demo.debian import Program; unpacked('pump', [Program('pump')])"
    process = subprocess.Popen([sys.executable, "-c", fetch], stderr=subprocess.DEVNULL)
    assert stalling.asked.wait(60)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children, "apt-get runs"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    stalling.may_go_on.set()
    assert said(unpacked("pump", [Program("pump")]), "pump") == "flows"
    tools = Path(os.environ["XDG_CACHE_HOME"], "tapwatch", "tools")
    assert [entry.name for entry in tools.iterdir() if not entry.name.endswith(".lock")] == [
        folder.name for folder in tools.glob("pump-*")
    ]
