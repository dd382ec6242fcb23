"""From Ansible's events to what happened on each node."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

TREE_TASK = "Install the tree"
LONGEST_MESSAGE = 2000
NO_MESSAGE = "no message"


@dataclass(frozen=True, slots=True)
class Failure:
    role: str
    task: str
    message: str


@dataclass(slots=True)
class NodeReport:
    """What happened on one node."""

    name: str
    tasks: int = 0
    changed: list[str] = field(default_factory=list)
    """Paths with the reason, or `ROLE: TASK` for what is no file."""
    failures: list[Failure] = field(default_factory=list)
    unreachable: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.failures)


@dataclass(frozen=True, slots=True)
class RunReport:
    """The whole run. `completed` is false when it was interrupted or Ansible itself could not go on."""

    check: bool
    seconds: float
    completed: bool
    nodes: Mapping[str, NodeReport]
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.completed and not any(node.failed for node in self.nodes.values())

    def as_json(self) -> str:
        value = {
            "ok": self.ok,
            "check": self.check,
            "seconds": round(self.seconds, 1),
            "completed": self.completed,
            "message": self.message,
            "nodes": {name: asdict(node) for name, node in sorted(self.nodes.items())},
        }
        return json.dumps(value, indent=2, sort_keys=True)


class Progress(Protocol):
    """Sees the run as it goes on."""

    def started(self, node: str, role: str, task: str) -> None:
        """A task begins on a node."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        """A task has ended, well or not; `node` already holds its result."""


class EventReader:
    """Turns events into node reports, and tells a `Progress` about them."""

    def __init__(self, nodes: list[str], progress: Progress) -> None:
        self.nodes = {name: NodeReport(name) for name in nodes}
        self.unlocated: list[str] = []
        self._progress = progress

    def read(self, event: Mapping[str, Any]) -> None:
        """One event of ansible-runner."""
        data = event.get("event_data") or {}
        kind = event.get("event", "")
        node = self.nodes.get(data.get("host") or "")
        if kind in {"error", "playbook_on_no_hosts_matched"} or (node is None and kind == "verbose"):
            self._note(event)
        if node is None:
            return
        role, task = _role(data), data.get("task") or ""
        if kind == "runner_on_start":
            self._progress.started(node.name, role, task)
        elif kind in {"runner_on_ok", "runner_on_failed", "runner_on_unreachable"}:
            self._settle(node, kind, role, task, data)
            self._progress.finished(node, role, task)

    def _note(self, event: Mapping[str, Any]) -> None:
        text = str(event.get("stdout") or "").strip()
        if "ERROR" in text or "fatal" in text:
            self.unlocated.append(text)

    def _settle(self, node: NodeReport, kind: str, role: str, task: str, data: Mapping[str, Any]) -> None:
        result = data.get("res") or {}
        node.tasks += 1
        if kind != "runner_on_ok":
            if data.get("ignore_errors"):
                return
            node.unreachable = node.unreachable or kind == "runner_on_unreachable"
            said = _message(result)
            if kind == "runner_on_unreachable" and said == NO_MESSAGE:
                said = "not reachable over SSH"
            node.failures.append(Failure(role, task, said))
        elif result.get("changed"):
            node.changed.extend(_changes(result) or [f"{role}: {task}"])


def _role(data: Mapping[str, Any]) -> str:
    """The role at work; every role's tree is installed by a task of `base`, told whose tree it is."""
    command = (data.get("res") or {}).get("cmd")
    if data.get("task") == TREE_TASK and isinstance(command, list) and "apply" in command[:-1]:
        return str(command[command.index("apply") + 1])
    return data.get("role") or ""


def _changes(result: Mapping[str, Any]) -> list[str]:
    """What the node's tool reports: packages, paths with reasons, and the commands it ran."""
    with suppress(ValueError, AttributeError, TypeError):
        found = json.loads(result.get("stdout") or "")
        if "missing" in found:
            return [f"package {name} (missing)" for name in found["missing"]]
        listed = [f"{path} ({found['reasons'][path]})" for path in found["changed"]]
        more = found["changed_total"] - len(found["changed"])
        return [*listed, *([f"{more} more paths"] if more > 0 else []), *found["actions"]]
    return []


def _message(result: Mapping[str, Any]) -> str:
    """The words that explain a failure best."""
    parts = [str(result.get(key) or "").strip() for key in ("stderr", "msg", "module_stderr", "stdout")]
    loops = [str(one.get("msg") or "") for one in result.get("results") or [] if one.get("failed")]
    found = [part for part in [*loops, *parts] if part and part != "non-zero return code"]
    return (found[0] if found else NO_MESSAGE)[-LONGEST_MESSAGE:]
