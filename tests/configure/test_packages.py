"""Debian's packages on a node: what is missing comes, no service starts meanwhile, nothing else changes."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from fleet.paths import project_root
from fleet.render import TreeRenderer
from infra.configure.hooks import HOOKS
from infra.configure.prepare import tool_members
from tests.configure.tool import load_part

DPKG_QUERY = """#!/bin/sh
printf 'installed haproxy\\nconfig-files knot\\nhalf-configured unbound\\n'
echo "dpkg-query: no packages found matching lego" >&2
exit 1
"""
APT_GET = """#!/bin/sh
echo "$(readlink policy || echo free) $*" >> calls
case "$*" in *update*) ;; *) exit {status} ;; esac
"""
SYSUSERS = "#!/bin/sh\necho \"systemd-sysusers $*: $(tr '\\n' ,)\" >> calls\n"
DPKG = '#!/bin/sh\necho "dpkg $*" >> calls\n'


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(load_part("locks"), "LOCKS", ())  # not this computer's own
    return load_part("packages")


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A node whose `dpkg-query`, `dpkg` and `apt-get` write down how they were called."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def make(status: int = 0) -> Path:
        texts = {
            "dpkg-query": DPKG_QUERY,
            "dpkg": DPKG,
            "apt-get": APT_GET.format(status=status),
            "systemd-sysusers": SYSUSERS,
        }
        for name, text in texts.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return make


def test_what_is_not_installed_and_configured_is_missing(
    packages: ModuleType, debian: Callable[..., Path]
) -> None:
    debian()
    assert packages.missing(["haproxy", "knot", "unbound", "lego"]) == ["knot", "unbound", "lego"]
    assert packages.missing([]) == []


def test_services_are_held_while_packages_come_and_free_afterwards(
    packages: ModuleType, debian: Callable[..., Path]
) -> None:
    node = debian()
    packages.install(["knot", "lego"], node, node / "policy")
    half_done, update, install = (node / "calls").read_text().splitlines()
    assert half_done == "dpkg --configure -a"
    assert update.startswith(f"{node}/hold-services ")
    assert update.endswith(" update")
    assert install.startswith(f"{node}/hold-services ")
    assert install.endswith(" install --yes --no-install-recommends --no-remove knot lego")
    assert not os.path.lexists(node / "policy")
    assert subprocess.run([node / "hold-services"], check=False).returncode == 101


def test_accounts_get_their_numbers_before_packages_would_choose(
    packages: ModuleType, debian: Callable[..., Path]
) -> None:
    node = debian()
    packages.install(["postfix"], node, node / "policy", accounts=["u postfix 450", "g postdrop 451"])
    first = (node / "calls").read_text().splitlines()[0]
    assert first == "systemd-sysusers -: u postfix 450,g postdrop 451,"


def test_owners_of_queues_have_the_same_numbers_on_every_machine() -> None:
    accounts = TreeRenderer(project_root() / "templates", HOOKS).accounts(["postfix"])
    numbers = [line.split()[1:3] for line in accounts]
    assert numbers == [["postfix", "450"], ["postdrop", "451"]]


def test_a_failure_is_told_in_the_words_of_apt_and_frees_services(
    packages: ModuleType, debian: Callable[..., Path]
) -> None:
    node = debian(status=100)
    with pytest.raises(packages.PackageError, match=r"install .*failed with status 100"):
        packages.install(["knot"], node, node / "policy")
    assert not os.path.lexists(node / "policy")


def test_every_step_waits_for_its_turn(
    packages: ModuleType, debian: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = debian()
    locks = load_part("locks")
    turns: list[int] = []

    def patiently(work: Callable[[], None], _: type[Exception]) -> None:
        before = len((node / "calls").read_text().splitlines()) if turns else 0
        work()
        turns.append(len((node / "calls").read_text().splitlines()) - before)

    monkeypatch.setattr(locks, "patiently", patiently)
    packages.install(["knot"], node, node / "policy")
    assert turns == [1, 1, 1]


def test_a_lock_held_for_too_long_is_told_and_frees_services(
    packages: ModuleType, debian: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = debian()
    locks = load_part("locks")

    def patiently(*_: object) -> None:
        raise locks.LockedError("/var/lib/apt/lists/lock was held")

    monkeypatch.setattr(locks, "patiently", patiently)
    with pytest.raises(packages.PackageError, match=r"`dpkg --configure -a` has to wait: .*lists/lock was"):
        packages.install(["knot"], node, node / "policy")
    assert not os.path.lexists(node / "policy")


def test_a_policy_of_somebody_else_stays(packages: ModuleType, debian: Callable[..., Path]) -> None:
    node = debian()
    (node / "policy").write_text("theirs")
    packages.install(["knot"], node, node / "policy")
    packages.release(node, node / "policy")
    assert (node / "policy").read_text() == "theirs"


def test_what_a_killed_run_forbade_is_allowed_by_the_next(packages: ModuleType, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.symlink_to(tmp_path / "hold-services")
    packages.release(tmp_path, policy)
    assert not os.path.lexists(policy)


def test_a_bundle_has_what_its_roles_need_and_says_what_the_node_lacks(
    debian: Callable[..., Path],
) -> None:
    node = debian()
    renderer = TreeRenderer(project_root() / "templates", HOOKS)
    needed = renderer.packages(["front", "dns"])
    assert needed == ["haproxy", "knot", "knot-dnsutils"]
    bundle = node / "bundle.pyz"
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in tool_members(project_root()).items():
            archive.writestr(name, content)
        archive.writestr("packages.json", json.dumps(needed))
        archive.writestr("accounts.json", "[]")
        archive.writestr("mounts.json", "[]")
    words = [sys.executable, "-I", str(bundle), "packages", "--check", "--state", str(node / "state")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"missing": ["knot", "knot-dnsutils"]}
    assert not (node / "calls").exists()
