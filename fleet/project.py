"""Where the project is: the directory that holds `environments/`."""

from pathlib import Path

_PACKAGE_PARENT = Path(__file__).resolve().parent.parent


def project_root(start: Path | None = None) -> Path:
    """The nearest directory at or above `start` (default: the working directory) with an
    `environments` folder; the checkout this package was loaded from when there is none."""
    here = (start or Path.cwd()).resolve()
    for directory in (here, *here.parents):
        if (directory / "environments").is_dir():
            return directory
    return _PACKAGE_PARENT
