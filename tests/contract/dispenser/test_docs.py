"""docs/dispenser-exporter.md says what the exporter does: settings, reasons, addresses, scrape jobs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from exporters.dispenser.address import parse_address
from exporters.dispenser.inventory import COLUMNS, load_inventory
from exporters.dispenser.settings import ExporterSettings, State
from exporters.dispenser.tls import TlsSettings
from laboratory.rules.shipped import SCRAPE_JOBS
from tapwatch.errors import PollReason
from tapwatch.settings import parse_duration

PAGE = (Path(__file__).parents[3] / "docs" / "dispenser-exporter.md").read_text(encoding="utf-8")
NOT_OF_DISPENSERS = {
    PollReason.UNAUTHORIZED,
    PollReason.UNHEALTHY,
    PollReason.CREDENTIALS,
    PollReason.FORBIDDEN,
    PollReason.MISSING,
}
"""Only API servers give these."""


def section(title: str) -> str:
    return PAGE.partition(f"# {title}\n")[2].partition("\n#")[0]


def rows(title: str) -> list[list[str]]:
    """The tables of a section, without heads."""
    lines = (line for line in section(title).splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    return {f"{prefix}{name}" for name in model.model_fields}


def test_every_setting_stands_with_its_default() -> None:
    named = {key: row[1] for row in rows("Settings") for key in re.findall(r"`([a-z_.]+)`", row[0])}
    assert set(named) == keys(ExporterSettings) - {"tls"} | keys(TlsSettings, "tls.")
    defaults = ExporterSettings()
    assert parse_duration(named["timeout"].strip("`")) == defaults.timeout
    assert parse_duration(named["reuse"].strip("`")) == defaults.reuse
    assert named["targets"].strip("`") == defaults.targets
    assert (named["maps"], named["inventory"], defaults.maps, defaults.inventory) == ("none", "none", [], [])


def test_every_reason_is_explained() -> None:
    explained = {row[0].strip("`") for row in rows("Reasons")}
    assert explained == set(PollReason) - NOT_OF_DISPENSERS


def test_every_form_of_address_is_one() -> None:
    forms = [form for row in rows("Addresses") for form in re.findall(r"`([^`]+)`", row[0])]
    assert {parse_address(form).gateway.transport for form in forms} == {"tcp", "tls", "rtu+tcp", "serial"}


@pytest.mark.parametrize("path", ["/probe", "/gateway"])
def test_the_scrape_jobs_are_the_shipped_ones(path: str) -> None:
    text = re.sub(r"^  # (- job_name|  )", r"  \1", SCRAPE_JOBS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    shipped: list[dict[str, Any]] = yaml.safe_load(text)["scrape_configs"]
    told = [job for block in blocks("yaml", section("Scrape jobs")) for job in yaml.safe_load(block)]
    ours = [job for job in shipped if job.get("metrics_path") == path]
    assert [job for job in told if job["metrics_path"] == path] == ours


def test_the_examples_of_files_are_good(tmp_path: Path) -> None:
    (example,) = [block for block in blocks("yaml") if block.startswith("maps:")]
    (inventory,) = [block for block in blocks("yaml") if "\ndispensers:" in block]
    (table,) = blocks("csv")
    (tmp_path / "dispensers.yaml").write_text(inventory, encoding="utf-8")
    (tmp_path / "dispensers.csv").write_text(table, encoding="utf-8")
    assert tuple(table.splitlines()[0].split(",")) == COLUMNS
    read = [load_inventory([tmp_path / f"dispensers.{form}"], ["default"]).dispensers for form in ("yaml", "csv")]
    assert read[0] == read[1]
    settings = example.replace("maps: [./maps/*.yaml]\n", "").replace("tls: {ca_file: ./ca.pem}\n", "")
    (tmp_path / "settings.yaml").write_text(settings, encoding="utf-8")
    assert State.load(tmp_path / "settings.yaml").policy.refuse(parse_address("10.9.9.9/1").gateway) is None
