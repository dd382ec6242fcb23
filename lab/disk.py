"""Disks: what a machine keeps over boots, an overlay over the image.

A disk is a folder with `upper` and `work` for the overlay and `disk.json`, which is written last:
without it the disk is half-made and the next `ensure` begins anew.
"""

import json
import shutil
import uuid
from pathlib import Path

from lab import host, records
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.image.build import image_root
from lab.locks import held
from lab.outer import namespace
from lab.specs import DiskSpec, DiskState, from_json, to_json


def ensure(paths: LabPaths, spec: DiskSpec) -> DiskState:
    """Make or adopt the disk. ConflictError when one of that name was made from another spec."""
    namespace.ensure(paths)
    with held(paths.locks / f"disk-{spec.name}"):
        note = _note(paths, spec.name)
        if note is None:
            return _make(paths, spec)
        if from_json(DiskSpec, note["spec"]) != spec:
            raise ConflictError(
                f"disk {spec.name} exists with other contents than asked for; delete it first"
            )
        return from_json(DiskState, note["state"])


def read(paths: LabPaths, name: str) -> DiskState | None:
    """What is there now; a half-made disk, or one whose image is gone, reads as None."""
    note = _note(paths, name)
    if note is None:
        return None
    state = from_json(DiskState, note["state"])
    return state if image_root(paths.cache, state.image) else None


def delete(paths: LabPaths, name: str) -> None:
    """Remove the disk; nothing happens when it is gone. ConflictError while a machine runs from it."""
    with held(paths.locks / f"disk-{name}"):
        user = _user(paths, name)
        if user is not None:
            raise ConflictError(f"disk {name} is in use by machine {user}; delete the machine first")
        _remove(folder(paths, name))


def folder(paths: LabPaths, name: str) -> Path:
    return paths.disks / name


def _user(paths: LabPaths, name: str) -> str | None:
    """The machine that was made with this disk, None when there is none."""
    outer = namespace.find(paths)
    if outer is None:
        return None
    for machine in records.names(outer, "machines"):
        note = records.read(outer, "machines", machine)
        if note is not None and note["disk"] == name:
            return machine
    return None


def _note(paths: LabPaths, name: str) -> dict[str, dict[str, object]] | None:
    try:
        note: dict[str, dict[str, object]] = json.loads((folder(paths, name) / "disk.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return note


def _make(paths: LabPaths, spec: DiskSpec) -> DiskState:
    if image_root(paths.cache, spec.image) is None:
        raise ConflictError(f"disk {spec.name}: there is no image {spec.image}; build it first")
    place = folder(paths, spec.name)
    _remove(place)
    upper = place / "upper"
    for inside in (upper, place / "work"):
        inside.mkdir(parents=True)
    host_key = _write_identity(upper, spec)
    state = DiskState(spec.name, spec.image, spec.host_name, host_key)
    draft = place / "disk.json.new"
    draft.write_text(json.dumps({"spec": to_json(spec), "state": to_json(state)}))
    draft.rename(place / "disk.json")
    return state


def _write_identity(upper: Path, spec: DiskSpec) -> str:
    """Write what makes this machine itself; return its public ssh host key."""
    for name, mode in (
        ("", 0o755),
        ("etc", 0o755),
        ("etc/ssh", 0o755),
        ("root", 0o700),
        ("root/.ssh", 0o700),
    ):
        (upper / name).mkdir(exist_ok=True)
        (upper / name).chmod(mode)
    hosts = ["127.0.0.1 localhost", *spec.hosts]
    _write(upper / "etc/hostname", f"{spec.host_name}\n")
    _write(upper / "etc/hosts", "\n".join(hosts) + "\n")
    _write(upper / "etc/resolv.conf", f"nameserver {spec.resolver}\noptions timeout:1 attempts:2\n")
    _write(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    _write(upper / "root/.ssh/authorized_keys", "".join(f"{key}\n" for key in spec.authorized_keys), 0o600)
    key = upper / "etc/ssh/ssh_host_ed25519_key"
    host.call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", spec.host_name, "-f", str(key)])
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)


def _remove(place: Path) -> None:
    """Remove a disk's folder so that a removal cut short never leaves what looks like a disk."""
    (place / "disk.json").unlink(missing_ok=True)
    if place.exists():
        shutil.rmtree(place)
