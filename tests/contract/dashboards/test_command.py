"""`tapwatch dashboards`: the files in the repository are what the code writes, and Grafana can be pointed at them."""

import json
import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from dashboards.command import command
from dashboards.provisioning import GENERATED, generated_files


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output


def test_the_generated_files_are_in_step_with_the_code() -> None:
    assert run("build", "--check") == (0, f"{GENERATED}: every file is in step\n")
    assert {str(file.relative_to(GENERATED)) for file in GENERATED.rglob("*.json")} == set(generated_files())


def test_build_writes_the_same_files_anywhere(tmp_path: Path) -> None:
    status, output = run("build", f"--output={tmp_path}/new")
    assert status == 0
    written = list((tmp_path / "new").rglob("*.json"))
    assert sorted(output.split()) == sorted(map(str, written))
    for file in written:
        assert file.read_bytes() == (GENERATED / file.relative_to(tmp_path / "new")).read_bytes()


def test_check_names_what_is_old_missing_or_too_much(tmp_path: Path) -> None:
    run("build", f"--output={tmp_path}")
    (tmp_path / "en/tapwatch-fleet.json").write_text("{}", encoding="utf-8")
    (tmp_path / "en/tapwatch-controlplane.json").unlink()
    (tmp_path / "another.json").write_text("{}", encoding="utf-8")
    status, output = run("build", "--check", f"--output={tmp_path}")
    assert status == 1
    assert output.splitlines() == [
        f"error: {tmp_path}/another.json is no dashboard of ours; delete it",
        f"{tmp_path}/en/tapwatch-controlplane.json is not what the code writes; run `tapwatch dashboards build`",
        f"{tmp_path}/en/tapwatch-fleet.json is not what the code writes; run `tapwatch dashboards build`",
    ]


def test_check_writes_nothing(tmp_path: Path) -> None:
    run("build", "--check", f"--output={tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_provision_writes_what_grafana_reads_at_its_start(tmp_path: Path) -> None:
    status, output = run("provision", "--prometheus=http://prometheus:9090", f"--output={tmp_path}/grafana")
    assert (status, output) == (0, f"{tmp_path}/grafana: start Grafana with GF_PATHS_PROVISIONING={tmp_path}/grafana\n")
    sources = yaml.safe_load((tmp_path / "grafana/datasources/tapwatch.yaml").read_text(encoding="utf-8"))
    providers = yaml.safe_load((tmp_path / "grafana/dashboards/tapwatch.yaml").read_text(encoding="utf-8"))
    assert sources == {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "tapwatch-prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": "http://prometheus:9090",
                "isDefault": True,
                "jsonData": {"timeInterval": "15s"},
            }
        ],
    }
    assert providers == {
        "apiVersion": 1,
        "providers": [
            {
                "name": "Tapwatch",
                "folder": "Tapwatch",
                "folderUid": "tapwatch",
                "type": "file",
                "options": {"path": f"{tmp_path}/grafana/json/en"},
            },
            {
                "name": "飲水機與叢集監控",
                "folder": "飲水機與叢集監控",
                "folderUid": "tapwatch-zh-tw",
                "type": "file",
                "options": {"path": f"{tmp_path}/grafana/json/zh-TW"},
            },
        ],
    }
    for file in (tmp_path / "grafana/json").rglob("*.json"):
        assert json.loads(file.read_text(encoding="utf-8"))["uid"] == file.stem


def test_provision_says_what_a_url_looks_like(tmp_path: Path) -> None:
    status, output = run("provision", "--prometheus=prometheus:9090", f"--output={tmp_path}/grafana")
    assert status == 2
    assert "--prometheus: must be a URL such as http://127.0.0.1:9090" in output
    assert not (tmp_path / "grafana").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = run("build", f"--output={tmp_path}/file/inside")
    assert status == 1
    assert output.startswith(f"error: {tmp_path}/file/inside/en/tapwatch-fleet.json cannot be written: ")


def test_configmaps_are_what_the_sidecar_of_grafanas_charts_loads(tmp_path: Path) -> None:
    status, output = run("configmaps", "--namespace=monitoring", f"--output={tmp_path}", "--language=zh-TW")
    assert status == 0
    files = sorted(tmp_path.iterdir())
    assert sorted(output.split()) == [str(file) for file in files]
    assert [file.stem for file in files] == sorted(file.stem for file in (GENERATED / "zh-TW").iterdir())
    for file in files:
        manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert (manifest["apiVersion"], manifest["kind"]) == ("v1", "ConfigMap")
        assert manifest["metadata"]["namespace"] == "monitoring"
        assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert manifest["metadata"]["annotations"]["grafana_folder"] == "飲水機與叢集監控"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
        ((name, text),) = manifest["data"].items()
        assert text == (GENERATED / "zh-TW" / name).read_text(encoding="utf-8")
        assert len(file.read_bytes()) < 256 * 1024, "`kubectl apply` keeps a copy in an annotation of this size"


def test_a_wrong_language_is_answered_with_the_right_ones(tmp_path: Path) -> None:
    status, output = run("configmaps", "--namespace=monitoring", f"--output={tmp_path}", "--language=de")
    assert status == 2
    assert "'de' is not one of 'en', 'zh-tw'" in output
