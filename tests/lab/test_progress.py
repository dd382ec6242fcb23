"""A person sees where the image build is, and no more than that."""

from hypothesis import given
from hypothesis import strategies as st

from lab.image.progress import Progress


def test_stages_are_told_in_plain_words() -> None:
    progress = Progress()
    assert progress.feed("I: running apt-get update...\n") == "fetching package lists"
    assert progress.feed("Get:1 http://deb.debian.org/debian trixie InRelease\n") is None


@given(st.integers(1, 400))
def test_a_few_steps_whatever_the_number_of_packages(packages: int) -> None:
    progress = Progress()
    progress.feed(f"0 upgraded, {packages} newly installed, 0 to remove and 0 not upgraded.\n")
    lines = ["Unpacking knot (3.4.6-2) ...\n"] * packages + ["Setting up knot (3.4.6-2) ...\n"] * packages
    told = [text for line in lines if (text := progress.feed(line))]
    assert 1 <= len(told) <= 5
    assert told[-1] == f"100 % of {packages} packages"


def test_more_packages_than_announced_do_no_harm() -> None:
    progress = Progress()
    assert progress.feed("Setting up knot (3.4.6-2) ...\n") == "100 % of 0 packages"
    assert progress.feed("Setting up knot (3.4.6-2) ...\n") is None
