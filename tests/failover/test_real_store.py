"""The shared store on Debian's own NATS: three servers, configured as the lab's three store nodes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fleet.inventory import NodeModel
from fleet.paths import cache_directory, project_root
from fleet.render import TreeRenderer
from fleet.store import client_name
from fleet.trees.nats import DIRECTORY
from lab.image.build import image_id, image_root
from tests.configure.conftest import fleet, nodes, outputs, secrets

__all__ = ["fleet", "nodes", "outputs", "secrets"]

pytestmark = pytest.mark.lab
PRIVATE = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]


@pytest.fixture(scope="module")
def told(nodes: dict[str, NodeModel], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on the stage; one play for all tests."""
    image = image_root(cache_directory(), image_id())
    if image is None:
        pytest.skip("the lab's image has not been built; `mtafleet lab image` builds it")
    work = tmp_path_factory.mktemp("stage")
    keepers = [node for node in nodes.values() if node.keeps_store]
    renderer = TreeRenderer(project_root() / "templates")
    for node in keepers:
        (work / node.name).mkdir()
        for path, content in renderer.render("nats", node).contents.items():
            if path.startswith(DIRECTORY):
                (work / node.name / path.rpartition("/")[2]).write_bytes(content)
    stage = {
        "addresses": {node.name: str(node.address) for node in keepers},
        "secret": keepers[0].secrets.store.get_secret_value(),
        "client": client_name(nodes["west-2"].host),
    }
    (work / "stage.json").write_text(json.dumps(stage))
    done = subprocess.run(
        [*PRIVATE, sys.executable, "-m", "tests.failover.store_stage", str(image), str(work)],
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    logs = "".join(file.read_text()[-3000:] for file in work.glob("*/log"))
    assert done.returncode == 0, done.stderr + logs
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_is_rendered_is_valid(told: dict[str, Any]) -> None:
    assert told["valid"] == [True, True, True]


def test_values_change_by_compare_and_set_only(told: dict[str, Any]) -> None:
    assert told["empty at first"]
    assert told["created twice"]
    assert told["stale revision"]
    assert told["value"]


def test_strangers_are_refused(told: dict[str, Any]) -> None:
    assert told["refused"] == {"another fleet": True, "unknown name": True}


def test_each_site_has_a_copy_and_one_may_die(told: dict[str, Any]) -> None:
    assert told["copies"] == 3
    assert told["with one dead"]


def test_without_quorum_no_write_counts_and_nothing_is_lost(told: dict[str, Any]) -> None:
    assert told["without quorum"]
    assert told["after all"]
