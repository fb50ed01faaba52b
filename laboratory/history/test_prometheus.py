"""Several Prometheus servers on the same blocks."""

from pathlib import Path

from laboratory.history.prometheus import make_blocks, prometheus

SAMPLES = """\
# TYPE liters gauge
liters{dispenser="a"} 7 1768442400
# EOF
"""
MOMENT = 1768442400.0


def test_servers_on_the_same_blocks_leave_each_other_and_the_blocks_alone(tmp_path: Path) -> None:
    (tmp_path / "samples.txt").write_text(SAMPLES, encoding="utf-8")
    blocks, one, other = (tmp_path / name for name in ("blocks", "one", "other"))
    for folder in (blocks, one, other):
        folder.mkdir()
    make_blocks(tmp_path / "samples.txt", blocks)
    before = sorted(blocks.rglob("*"))
    with prometheus(one, blocks) as first:
        assert len(first.at("liters", MOMENT)) == 1
        with prometheus(other, blocks) as second:
            for _ in range(20):
                assert len(first.at("liters", MOMENT)) == len(second.at("liters", MOMENT)) == 1
        assert len(first.at("liters", MOMENT)) == 1
    assert sorted(blocks.rglob("*")) == before
