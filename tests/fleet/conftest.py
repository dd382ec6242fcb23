"""The lab's environment, as text to spoil and as the loaded object."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet

LAB = Path(__file__).parents[2] / "environments" / "lab.yaml"


@pytest.fixture(scope="session")
def lab() -> Environment:
    return load_environment(LAB)


@pytest.fixture(scope="session")
def lab_fleet(lab: Environment) -> Fleet:
    return Fleet.of(lab)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes an environment file that is not found by name, so that its name may be anything."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "spoilt.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
