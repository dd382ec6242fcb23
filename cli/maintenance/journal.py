"""Which steps of a replacement are done, so that a killed run is taken up where it ended."""

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from cli.maintenance.errors import MaintenanceError
from cli.maintenance.records import now, who
from failover.orders import parse_time, render_time
from fleet.paths import state_directory


@dataclass(slots=True)
class Journal:
    """The replacement under way: `done` maps steps to when they ended (UTC), `started` has those begun.

    `machines` are AWS's ids: of the machine that is replaced, then of each that was made in its place.
    """

    file: Path
    node: str
    owner: str
    begun: str
    done: dict[str, str] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)

    def needs(self, step: str, drained_for: timedelta) -> bool:
        """Whether `step` is to be done (again).

        A drain is made anew as long as the machine was not touched, and when its order has run out since. A
        machine that was made and not configured yet has no mail to hand over, nor anything that could do so.
        """
        if step not in self.done:
            return True
        if step != "drain" or "machine" in self.done or (self.made and "configure" not in self.started):
            return False
        until = parse_time(self.done[step], step) + drained_for
        return "machine" not in self.started or until <= now()

    @property
    def made(self) -> str:
        """The id of the newest machine that was made in this replacement; empty before the first."""
        return self.machines[-1] if len(self.machines) > 1 else ""

    def note_machine(self, identity: str) -> None:
        """Note the machine that is there: first the one to be replaced, "" for none, then what comes."""
        if self.machines[-1:] != [identity]:
            self.machines.append(identity)
            self._write()

    def discard_machine(self) -> None:
        """Have another machine made. MaintenanceError when the one that was made is configured already."""
        if "configure" in self.done:
            raise MaintenanceError(
                f"{self.node}: the new machine is configured; finish this replacement without --again first"
            )
        self.done.pop("machine", None)

    def start(self, step: str) -> None:
        if step not in self.started:
            self.started.append(step)
        self._write()

    def finish(self, step: str) -> None:
        self.done[step] = render_time(now())
        self._write()

    def close(self) -> None:
        """The replacement is complete."""
        self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = asdict(self)
        del told["file"]
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.file)


def open_journal(environment: str, node: str) -> Journal:
    """The journal of the replacement of `node`, new or found.

    MaintenanceError when that of another node has not been finished, or the file cannot be read.
    """
    file = state_directory(environment) / "maintenance" / "replacing.json"
    if not file.exists():
        return Journal(file, node, who(), render_time(now()))
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        found = Journal(file, **told)
    except (ValueError, TypeError):
        raise MaintenanceError(
            f"{file}: cannot be read; look with `mtafleet status {environment}` what is out, then remove it"
        ) from None
    if found.node != node:
        raise MaintenanceError(
            f"the replacement of {found.node}, begun {found.begun} by {found.owner}, is not finished: "
            f"`mtafleet replace {environment} {found.node}` takes it up"
        )
    return found
