"""Generated fleets of the preview benchmark, and how its figures are put together."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.engine_project import Measured
from bench.errors import BenchError
from bench.large import ADDRESSES_PER_NODE, foundation_outputs, images, write_environment
from bench.preview import Row, preview_seconds
from bench.processes import Sampler
from fleet.topology import Fleet


def test_fifty_nodes_have_six_hundred_addresses_in_two_regions(tmp_path: Path) -> None:
    environment = write_environment(tmp_path, 50)
    fleet = Fleet.of(environment)
    assert len(environment.regions) == 2
    assert (len(fleet.mta_nodes), len(fleet.sending_addresses)) == (50, 600)
    assert all(len(node.sending) == ADDRESSES_PER_NODE for node in fleet.mta_nodes)


def test_the_foundation_that_is_made_up_has_what_the_fleet_looks_for(tmp_path: Path) -> None:
    environment = write_environment(tmp_path, 4)
    fleet = Fleet.of(environment)
    outputs = foundation_outputs(environment)["foundation"]
    private = {str(node.address) for node in fleet.nodes} | {
        str(one.address) for one in fleet.sending_addresses
    }
    assert set(outputs["addresses"]) == private
    assert len({one["public"] for one in outputs["addresses"].values()}) == len(private)
    assert set(outputs["spools"]) == {node.name for node in fleet.mta_nodes}
    assert len(images(environment)) == 3


@pytest.mark.parametrize("nodes", [0, 3, 402])
def test_sizes_that_cannot_be_made_are_refused(tmp_path: Path, nodes: int) -> None:
    with pytest.raises(BenchError, match="choose an even number from 2 to 400"):
        write_environment(tmp_path, nodes)


def test_both_previews_count() -> None:
    def row(nodes: int, what: str, seconds: float) -> Row:
        return Row(nodes, what, Measured(seconds, {"to create": 3, "unchanged": 1}, {}))

    rows = [
        row(10, "preview fleet", 5),
        row(50, "preview foundation", 40),
        row(50, "preview fleet", 30),
        row(50, "first up fleet", 500),
    ]
    assert preview_seconds(rows, 50) == 70
    assert preview_seconds(rows, 100) is None
    assert rows[0].resources == 3


def test_a_process_and_what_it_started_are_counted_by_part() -> None:
    program = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-c', 'input()', 'the-' + 'part']\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "print('ready', flush=True); input(); child.communicate()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        sampler = Sampler(parent.pid, (("part", "the-part"),))
        sampler.sample()
        sampler.sample()
        used = sampler.used()
        parent.communicate("\n")
    assert set(used) == {"part", "other"}
    assert all(0 < one.peak_mebibytes < 1024 for one in used.values())
