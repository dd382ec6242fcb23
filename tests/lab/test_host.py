"""A computer that cannot run the lab says what is missing, and how to get it, in one message."""

from pathlib import Path

import pytest

from lab import host
from lab.errors import CommandError, HostError


def test_everything_missing_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(host._ENVIRONMENT, "PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HostError) as caught:
        host.require()
    message = str(caught.value)
    assert "root rights" in message
    assert "apt-get install iproute2 mmdebstrap nftables" in message


def test_a_tool_that_is_not_there_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(host._ENVIRONMENT, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="apt-get install nftables"):
        host.call(["nft", "list", "ruleset"])


def test_a_tool_s_complaint_is_passed_on() -> None:
    with pytest.raises(CommandError, match="exit status 3: no such thing"):
        host.call(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_what_a_tool_prints_is_returned() -> None:
    assert host.call(["cat"], stdin="hello") == "hello"


def test_a_tool_sees_nothing_of_the_caller_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    assert "SECRET" not in host.call(["env"])
