"""The scrape jobs: what promtool says of them, and the labels on which the rules rely."""

import subprocess

from demo.servers import locate
from laboratory.rules.shipped import RULE_FILES, SCRAPE_JOBS, jobs, load


def test_promtool_finds_nothing_wrong_with_the_scrape_jobs() -> None:
    answer = subprocess.run(
        [locate("promtool"), "check", "config", SCRAPE_JOBS], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(RULE_FILES)} rule files found" in answer.stdout


def test_the_jobs_have_the_names_that_rules_and_dashboards_use() -> None:
    expected = {
        "dispensers",
        "dispenser-exporter",
        "cluster-exporter",
        "dingtalk",
        "zabbix",
        "alertmanager",
        "prometheus",
    }
    assert jobs() == expected


def test_a_dispenser_is_scraped_through_the_exporter_and_known_by_its_own_address() -> None:
    job = next(job for job in load(SCRAPE_JOBS)["scrape_configs"] if job["job_name"] == "dispensers")
    by_target = {step["target_label"]: step for step in job["relabel_configs"]}
    assert job["metrics_path"] == "/probe"
    assert by_target["__param_target"]["source_labels"] == ["__address__"]
    assert by_target["instance"]["source_labels"] == ["__address__"]
    assert by_target["__param_module"]["source_labels"] == ["module"]
    assert job["relabel_configs"][-1] == {"target_label": "__address__", "replacement": "127.0.0.1:9802"}
