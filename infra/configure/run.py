"""The playbook over SSH, batch after batch, from rendered bundles to a report per node."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import ansible_runner

from fleet.inventory import NodeModel
from fleet.render import Hook
from infra.configure.prepare import Layout, prepare
from infra.configure.private import private_directory
from infra.configure.progress import EventReader, Progress, RunReport
from infra.configure.rendering import require_nodes
from infra.configure.rollout import Rollout, Serving, await_service, plan_rollout
from infra.ssh_way import port_and_target, wait_for_all

PLAYBOOK = Path("playbooks/site.yml")
FOLDER_ON_NODE = "/run/mtafleet-ansible"
"""Ansible's own place on a node (`remote_tmp` in ansible.cfg); the bundle lies in it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to configure: `models` of the whole fleet, `limit` names the nodes to touch (empty: all).

    With `serving` a fleet that is in service is changed in batches (see `infra.configure.rollout`), and the
    change stops where it did harm; without it, or under `check`, all nodes are worked on at once.
    """

    project: Path
    models: Mapping[str, NodeModel]
    limit: tuple[str, ...] = ()
    check: bool = False
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    serving: Serving | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.limit or tuple(self.models)


def configure(request: Request, progress: Progress) -> RunReport:
    """Run the playbook and report per node; node failures are in the report, not raised.

    ConfigureError when it cannot start. Interrupted by SIGINT or SIGTERM it stops the run, cleans up and
    returns a report that is not complete. Nothing secret outlives the call on this machine.
    """
    require_nodes(request.models, request.limit)
    started = time.monotonic()
    reader = EventReader(list(request.nodes), progress)
    with private_directory() as directory, _interruptible() as interrupted:
        layout = prepare(directory, request.project, request.models, request.hooks)
        try:
            completed, stopped = _roll_out(request, layout, reader, interrupted)
            _explain_unreachable(request, layout, reader)
        finally:
            _leave_nodes(request, layout, list(reader.nodes))
    return RunReport(
        check=request.check,
        seconds=time.monotonic() - started,
        completed=completed,
        nodes=reader.nodes,
        message="interrupted" if interrupted() else stopped or "\n".join(reader.unlocated[-3:]),
    )


def _roll_out(
    request: Request, layout: Layout, reader: EventReader, interrupted: Callable[[], bool]
) -> tuple[bool, str]:
    """Work through the batches; returns whether all were, and else why the change went no further."""
    serving = None if request.check else request.serving
    rollout = plan_rollout(request.models, request.nodes, serving() if serving else ())
    for number, batch in enumerate(rollout.batches):
        runner = _run_ansible(request, layout, batch, reader.read, interrupted)
        if runner.status not in {"successful", "failed"} or not _explained(runner, reader):
            return False, ""
        rest = [name for later in rollout.batches[number + 1 :] for name in later]
        if serving and rest and (harm := _harm(reader, rollout, batch, serving)):
            return False, f"{harm}. Not touched: {', '.join(rest)}"
    return True, ""


def _harm(reader: EventReader, rollout: Rollout, batch: tuple[str, ...], serving: Serving) -> str:
    """What a batch has done to nodes that were in service; empty when they are still, or again."""
    served = [name for name in batch if name in rollout.served]
    if failed := [name for name in served if reader.nodes[name].failed]:
        return f"stopped, since {', '.join(failed)} could not be configured"
    if not any(reader.nodes[name].changed for name in batch):
        return ""
    if missing := await_service(served, serving):
        return f"stopped, since {', '.join(missing)} did not come back into service"
    return ""


def _explain_unreachable(request: Request, layout: Layout, reader: EventReader) -> None:
    """Put what Session Manager said in place of Ansible's "could not connect"."""
    for name, node in reader.nodes.items():
        said = layout.way.trouble(request.models[name].outputs.nodes[name]) if node.unreachable else ""
        if said:
            node.failures[-1] = replace(node.failures[-1], message=said)


def _explained(runner: Any, reader: EventReader) -> bool:
    """A failed run in which no node failed broke in Ansible itself, a syntax error for instance."""
    return runner.status == "successful" or any(node.failed for node in reader.nodes.values())


def _run_ansible(
    request: Request,
    layout: Layout,
    batch: tuple[str, ...],
    handler: Callable[[dict[str, Any]], object],
    interrupted: Callable[[], bool],
) -> Any:
    words = ["--forks", str(len(batch)), *(["--check"] if request.check else [])]
    return ansible_runner.run(
        private_data_dir=str(layout.directory),
        playbook=str(request.project / PLAYBOOK),
        inventory=str(layout.inventory),
        limit=",".join(batch),
        cmdline=" ".join(words),
        envvars=_environment(request.project, layout.directory),
        event_handler=handler,
        cancel_callback=interrupted,
        quiet=True,
    )


def _environment(project: Path, directory: Path) -> dict[str, str]:
    """Ansible's own files go to the private directory too; settings come from the project's ansible.cfg."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(project / "roles"),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(directory / "ansible" / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
        "ANSIBLE_NOCOLOR": "1",
        # Left out, ansible-runner says False, which wins over ansible.cfg and our own options for ssh.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
    }


def _leave_nodes(request: Request, layout: Layout, nodes: list[str]) -> None:
    """Delete the bundles and end the shared connections, all nodes at once, also after a failure."""
    outputs = [request.models[name].outputs.nodes[name] for name in nodes]
    quick = ("-o", "ConnectTimeout=10", "-o", "BatchMode=yes")
    wait_for_all(
        [
            "ssh",
            *layout.way.options(node, shared=True),
            *port_and_target(node, *quick),
            *("rm", "-rf", FOLDER_ON_NODE),
        ]
        for node in outputs
    )
    layout.way.end_shared(outputs)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM end the run in order; yields whether one has come."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
