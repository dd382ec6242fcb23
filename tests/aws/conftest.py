"""A simulated AWS for each test, and providers that speak to it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.aws.server.app import Server, serving
from tests.aws_models import share_models
from tests.providerkit.sdk import load_sdk

if TYPE_CHECKING:
    from tests.aws.driver import Driver

share_models()
load_sdk()


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    """The file of faults the simulated AWS of this test watches."""
    return tmp_path / "faults.json"


@pytest.fixture
def inject(faults: Path) -> Callable[..., None]:
    """Replace the faults by these rules."""

    def write(*rules: dict[str, Any]) -> None:
        beside = faults.with_suffix(".new")
        beside.write_text(json.dumps(rules))
        beside.rename(faults)

    return write


@pytest.fixture
def aws(faults: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty simulated AWS."""
    with serving(faults) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


def _driver(region: str) -> "Iterator[Driver]":
    from tests.aws.driver import driving  # noqa: PLC0415 - after Pulumi's SDK

    with driving() as driver:
        driver.configure({"region": region})
        yield driver


@pytest.fixture
def east(aws: Server) -> "Iterator[Driver]":
    """A provider for us-east-1."""
    yield from _driver("us-east-1")


@pytest.fixture
def west(aws: Server) -> "Iterator[Driver]":
    """A provider for us-west-2."""
    yield from _driver("us-west-2")
