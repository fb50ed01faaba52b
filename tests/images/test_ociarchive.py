"""Archives are the same for the same files, and give back what went in."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images import inspection, ociarchive
from images.ociarchive import Process, full_name

PARTS = st.text(alphabet="abcXYZ_飲水-", min_size=1, max_size=12)
TREES = st.dictionaries(st.tuples(PARTS, PARTS), st.binary(max_size=2000), max_size=6)


@given(TREES)
@settings(max_examples=30, deadline=None)
def test_files_come_back_from_an_archive_that_has_no_time(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, str], bytes]
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    archives: list[Path] = []
    for attempt, order in (("one", sorted(tree)), ("other", sorted(tree, reverse=True))):
        root = folder / attempt
        for place in order:
            file = root.joinpath(*place)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tree[place])
        root.mkdir(exist_ok=True)
        os.utime(root, (len(archives), len(archives)))
        ociarchive.pack(root, folder / f"{attempt}.layer")
        archives.append(folder / f"{attempt}.tar")
        ociarchive.write(archives[-1], "a:1", folder / f"{attempt}.layer", Process(("/a",), "1:1"))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    for place, content in tree.items():
        assert inspection.read(archives[0], "/".join(place)) == content
    inspection.unpack(archives[0], folder / "back")
    found = {
        path.relative_to(folder / "back").parts: path.read_bytes()
        for path in (folder / "back").rglob("*")
        if path.is_file()
    }
    assert found == tree


def test_a_file_that_no_layer_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    ociarchive.pack(tmp_path / "root", tmp_path / "layer.tar")
    ociarchive.write(tmp_path / "a.tar", "a:1", tmp_path / "layer.tar", Process(("/a",), "1:1"))
    with pytest.raises(KeyError, match="etc/nothing"):
        inspection.read(tmp_path / "a.tar", "etc/nothing")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("haproxy:2.6", "docker.io/library/haproxy:2.6"),
        ("grafana/grafana:11.6.0", "docker.io/grafana/grafana:11.6.0"),
        ("quay.io/prometheus/prometheus:v3.15.0", "quay.io/prometheus/prometheus:v3.15.0"),
        ("127.0.0.1:5000/tapwatch:1", "127.0.0.1:5000/tapwatch:1"),
    ],
)
def test_a_name_gets_the_registry_that_kubelets_add(name: str, full: str) -> None:
    assert full_name(name) == full
