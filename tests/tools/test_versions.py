"""Version numbers as the tools print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engine.errors import EngineError
from infra.engine.versions import MINIMUM_CLI, MINIMUM_GO, Version, find_version

numbers = st.integers(min_value=0, max_value=10_000)


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("v3.220.0\n", Version(3, 220, 0)),
        ("3.221.1-alpha.1+dirty", Version(3, 221, 1)),
        ("go version go1.26.8 linux/amd64", Version(1, 26, 8)),
        ("go version go1.19 linux/amd64", Version(1, 19, 0)),
    ],
)
def test_finds_the_version_in_a_tools_own_words(words: str, version: Version) -> None:
    assert find_version(words) == version


def test_says_what_it_could_not_read() -> None:
    with pytest.raises(EngineError, match="no version number in 'devel'"):
        find_version("devel")


@given(numbers, numbers, numbers)
def test_reads_what_it_prints(major: int, minor: int, patch: int) -> None:
    version = Version(major, minor, patch)
    assert find_version(f"v{version}") == version


def test_compares_numbers_not_letters() -> None:
    assert find_version("v3.99.0") < MINIMUM_CLI < find_version("v3.1000.0")
    assert find_version("go1.24.4") < MINIMUM_GO <= find_version("go1.24.7")
