"""Building the machine image, once for each content of the recipe.

The image is a plain folder, `<cache>/images/<id>/root`, that machines use read-only below their
overlays. It is made under another name and renamed when complete, so a folder with the right
name is always whole. The builder runs in namespaces that end with it: a killed build leaves no
process and no mount, only a folder which the next build removes.
"""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab import host
from lab.errors import ImageError
from lab.image.progress import Progress
from lab.image.recipe import Recipe
from lab.locks import held

Report = Callable[[str], None]


def image_id() -> str:
    """The id of the image that this checkout's recipe describes."""
    return Recipe().image_id()


def image_root(cache: Path, image: str) -> Path | None:
    """The root folder of a finished image, None when it has not been built."""
    root = cache / "images" / image / "root"
    return root if root.is_dir() else None


def ensure(cache: Path, report: Report | None = None) -> str:
    """Build the image when it is missing and return its id.

    `report` gets one line, with the seconds so far, at the beginning of each stage. Other
    processes that want the same image wait. ImageError says what failed.
    """
    recipe = Recipe()
    image = recipe.image_id()
    if image_root(cache, image):
        return image
    host.require()
    images = cache / "images"
    images.mkdir(parents=True, exist_ok=True)
    with held(images / ".lock"):
        if not image_root(cache, image):
            _build(recipe, images, report or (lambda _: None))
    return image


def _build(recipe: Recipe, images: Path, report: Report) -> None:
    began = time.monotonic()

    def tell(stage: str) -> None:
        report(f"machine image: {stage} ({time.monotonic() - began:.0f} s)")

    for stale in images.glob(".building-*"):  # we hold the lock: nobody is building these
        shutil.rmtree(stale)
    draft = images / f".building-{recipe.image_id()}"
    draft.mkdir(mode=0o755)
    _install(recipe, draft, tell)
    tell("arranging services")
    _arrange(recipe, draft / "root")
    draft.rename(images / recipe.image_id())
    tell("ready")


def _install(recipe: Recipe, draft: Path, tell: Report) -> None:
    log = draft / "build.log"
    progress = Progress()
    with (
        log.open("w") as log_file,
        subprocess.Popen(
            _command(recipe, draft / "root"),
            env=host.tool_environment({"TMPDIR": str(draft)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as builder,
    ):
        assert builder.stdin and builder.stdout  # noqa: S101  # both were asked for just above
        builder.stdin.write(recipe.sources())
        builder.stdin.close()
        for line in builder.stdout:
            log_file.write(line)
            stage = progress.feed(line)
            if stage:
                tell(stage)
    if builder.returncode != 0:
        raise ImageError(_explain(log))


def _command(recipe: Recipe, root: Path) -> list[str]:
    return [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("mmdebstrap", "--variant=apt", "--mode=root", "--format=directory", "--verbose"),
        f"--include={','.join(recipe.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Retries "5"',  # mirrors have hiccups
        *("--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.never_installed),
        *(recipe.suite, str(root), "-"),
    ]


def _explain(log: Path) -> str:
    lines = log.read_text().splitlines()
    reasons = [line for line in lines if line.startswith(("E:", "W:", "Err:"))][-4:] or lines[-4:]
    kept = log.parent.parent / "failed.log"
    log.rename(kept)
    return f"the machine image could not be built: {'; '.join(reasons)} (whole log: {kept})"


def _arrange(recipe: Recipe, root: Path) -> None:
    """Write the recipe's files, leave only ssh enabled, and mask what a lab never needs."""
    for name, text in recipe.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    host.call(["systemctl", f"--root={root}", "preset-all"])
    system = root / "etc/systemd/system"
    for unit in recipe.masked_units:
        (system / unit).unlink(missing_ok=True)
        (system / unit).symlink_to("/dev/null")
    (system / "default.target").unlink(missing_ok=True)
    (system / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for identity in ("etc/machine-id", "var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf"):
        (root / identity).unlink(missing_ok=True)
    _mark_updated(root)


def _mark_updated(root: Path) -> None:
    """Tell systemd that /etc and /var are as new as /usr, so that no boot refreshes its caches."""
    stamp = (root / "usr").stat().st_mtime_ns
    for folder in ("etc", "var"):
        (root / folder / ".updated").write_text(f"TIMESTAMP_NSEC={stamp}\n")
