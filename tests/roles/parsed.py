"""Just enough of the configuration languages to ask rendered files for facts."""

import re
from dataclasses import dataclass

from fleet.render import RenderedTree


def main_cf(text: str) -> dict[str, str]:
    """Parameters by name; continuation lines joined by a space."""
    parameters: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            parameters[name] = f"{parameters[name]} {line.strip()}".strip()
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        parameters[name] = value
    return parameters


@dataclass(frozen=True)
class Service:
    """A line of master.cf."""

    name: str
    kind: str
    chroot: str
    process_limit: int | None
    command: str
    options: dict[str, str]


def master_cf(text: str) -> list[Service]:
    joined = re.sub(r"\n\s+(?=-o )", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    return [_service(line) for line in joined.splitlines() if line.strip()]


def _service(line: str) -> Service:
    name, kind, _private, _unprivileged, chroot, _wakeup, limit, command, *rest = line.split()
    options = dict(one.split("=", 1) for one in rest if one != "-o")
    return Service(name, kind, chroot, int(limit) if limit.isdigit() else None, command, options)


@dataclass(frozen=True)
class Instance:
    """A Postfix instance: main.cf, master.cf and its other files."""

    main: dict[str, str]
    services: list[Service]
    files: dict[str, str]

    @classmethod
    def read(cls, tree: RenderedTree, directory: str) -> "Instance":
        files = {
            path.removeprefix(f"{directory}/"): content.decode()
            for path, content in tree.contents.items()
            if path.startswith(f"{directory}/")
        }
        return cls(main_cf(files["main.cf"]), master_cf(files["master.cf"]), files)

    def service(self, name: str) -> Service:
        return next(one for one in self.services if one.name == name)

    @property
    def listeners(self) -> dict[str, Service]:
        """`ADDRESS:PORT` -> service."""
        return {one.name: one for one in self.services if one.kind == "inet"}

    @property
    def transports(self) -> list[Service]:
        """Services that deliver to the internet."""
        return [one for one in self.services if one.command == "smtp" and one.name != "relay"]

    def setting(self, service: Service, name: str) -> str:
        """What holds for a service: its own option, else main.cf."""
        return service.options.get(name, self.main.get(name, ""))


def haproxy_cfg(text: str) -> dict[str, list[str]]:
    """Section header (`backend x`) -> its lines, stripped."""
    sections: dict[str, list[str]] = {}
    header = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            sections[header].append(line.strip())
        else:
            header = line.strip()
            sections[header] = []
    return sections
