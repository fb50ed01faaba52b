"""Images of others carry the public names, and run as pods run them."""

import subprocess
from pathlib import Path

import pytest

from images import inspection
from images.bootstrap import require, sources
from laboratory.images.thirdparty import HAPROXY, IMAGES, POSTGRESQL, ProgramImage, short_name
from laboratory.programs.gotools import TOOLS
from tapwatch.errors import TapwatchError

pytestmark = [pytest.mark.compiled, pytest.mark.root]

IMAGE = ProgramImage(
    "example.org/modbus_exporter:0.4.1",
    "modbus_exporter",  # which is built for other tests already
    "/bin/modbus_exporter",
    links={"/exporter": "bin/modbus_exporter"},
    entrypoint=("/exporter",),
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    IMAGE.make(folder)
    return folder / "image.tar"


def test_a_program_runs_on_an_otherwise_empty_root(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    inspection.unpack(archive, root)
    config = inspection.settings(archive)["config"]
    enter = ("/usr/sbin/chroot", f"--userspec={config['User']}", "--groups=", str(root))
    answer = subprocess.run(
        [*enter, *config["Entrypoint"], "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "version 0.4.1" in answer.stdout + answer.stderr
    assert sorted(path.name for path in root.iterdir()) == ["bin", "etc", "exporter", "tmp"]
    assert b"BEGIN CERTIFICATE" in inspection.read(archive, "etc/ssl/certs/ca-certificates.crt")
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_the_same_program_gives_the_same_image(archive: Path, tmp_path: Path) -> None:
    IMAGE.make(tmp_path)
    assert (tmp_path / "image.tar").read_bytes() == archive.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]


def test_nothing_tells_of_the_machine_that_built_it(archive: Path) -> None:
    assert str(Path.home()).encode() + b"/" not in inspection.read(archive, "bin/modbus_exporter")


def test_every_image_has_a_short_name_of_its_own() -> None:
    assert len({short_name(name) for name in IMAGES}) == len(IMAGES)


@pytest.mark.parametrize("image", [image for image in IMAGES.values() if isinstance(image, ProgramImage)])
def test_a_tag_is_the_version_that_is_built(image: ProgramImage) -> None:
    tag = image.name.rpartition(":")[2].removeprefix("v")
    version = TOOLS[image.tool].version
    assert tag == ("3.15.0" if version == "0.315.0" else version)


def test_images_of_debian_are_of_users_that_kubernetes_can_tell_from_root() -> None:
    assert HAPROXY.process.user == "99:99"
    assert POSTGRESQL.process.user == "26:26"


def test_a_router_is_asked_to_finish_what_is_under_way() -> None:
    assert HAPROXY.process.stop_signal == "SIGUSR1"


def test_sources_name_the_release_its_updates_and_its_security() -> None:
    mirrors = (
        ("http://a.example/debian", ("bookworm", "bookworm-updates")),
        ("http://b.example/security", ("bookworm-security",)),
    )
    assert sources(mirrors) == (
        "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
        "Types: deb\nURIs: http://b.example/security\nSuites: bookworm-security\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_what_is_missing_is_told_with_the_command_that_brings_it() -> None:
    with pytest.raises(TapwatchError, match="built with builder-of-images: apt-get install builder-of-images"):
        require("builder-of-images")
