"""The demo's settings: the shipped files, with links that lead to pages of this machine."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from demo.ports import USUAL, Ports
from demo.settings import Wanted, write_settings

PORTS = Ports({name: port + 10000 for name, port in USUAL.items()})
WANTED = Wanted("en", "UTC", Path("/fleet/mine.yaml"), (), kubeconfig=None, documents=True, dashboards=False)


def links(folder: Path, name: str) -> set[str]:
    """The annotation of every alert, up to the page's name."""
    files = (folder / "rules").glob("*.yaml")
    rules = [
        rule for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]
    return {rule["annotations"][name].rpartition("/")[0] for rule in rules if "alert" in rule}


@pytest.mark.parametrize(
    ("language", "folder"), [("en", "runbooks"), ("zh-TW", "runbooks/zh-TW"), ("zh-CN", "runbooks")]
)
def test_every_runbook_is_a_page_of_the_demo(tmp_path: Path, language: str, folder: str) -> None:
    write_settings(tmp_path, PORTS, replace(WANTED, language=language))
    assert links(tmp_path, "runbook_url") == {f"http://127.0.0.1:19812/docs/{folder}"}


def test_without_the_documentation_runbooks_stay_the_public_ones(tmp_path: Path) -> None:
    write_settings(tmp_path, PORTS, replace(WANTED, documents=False))
    assert links(tmp_path, "runbook_url") == {"https://github.com/tapwatch/tapwatch/blob/main/docs/runbooks"}


@pytest.mark.parametrize(("dashboards", "port"), [(True, 13000), (False, 19812)])
def test_links_to_dashboards_lead_to_grafana_or_to_the_page_that_says_there_is_none(
    tmp_path: Path, *, dashboards: bool, port: int
) -> None:
    write_settings(tmp_path, PORTS, replace(WANTED, dashboards=dashboards))
    assert links(tmp_path, "dashboard_url") == {f"http://127.0.0.1:{port}/d"}


def test_files_of_the_persons_own_are_named_and_no_patterns(tmp_path: Path) -> None:
    wanted = replace(WANTED, inventory=Path("/fleet [a]/mine.csv"), maps=(Path("/fleet/*.yaml"),))
    write_settings(tmp_path, PORTS, wanted)
    found = yaml.safe_load((tmp_path / "dispenser-exporter.yaml").read_text("utf-8"))
    assert found == {"inventory": ["/fleet [[]a]/mine.csv"], "maps": ["/fleet/[*].yaml"]}


def test_a_real_cluster_is_watched_as_a_whole_and_a_simulated_one_as_far_as_it_is(tmp_path: Path) -> None:
    write_settings(tmp_path, PORTS, WANTED)
    found = yaml.safe_load((tmp_path / "cluster-exporter.yaml").read_text("utf-8"))
    assert found["parts"] == ["write"]
    own = tmp_path / "own"
    own.mkdir()
    write_settings(own, PORTS, replace(WANTED, kubeconfig=Path("/kubeconfig")))
    assert not (own / "cluster-exporter.yaml").exists()
