"""Configures one node from another folder's templates: `python -m ... FOLDER NODE` prints the report."""

import sys
from pathlib import Path

from cli.access import enter_network
from fleet.inventory import node_models
from infra.configure import NodeReport, Request, configure
from infra.configure.hooks import HOOKS
from tests.end_to_end.system import NAME, System


class _Silent:
    def started(self, node: str, role: str, task: str) -> None:
        """Nothing is shown."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        """Nothing is shown."""


def main(folder: Path, node: str) -> None:
    system = System.of_this_checkout()
    models = node_models(system.fleet, system.outputs.fleet, system.outputs.secrets)
    enter_network(NAME, system.outputs.fleet)
    print(configure(Request(folder, models, (node,), hooks=HOOKS), _Silent()).as_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
