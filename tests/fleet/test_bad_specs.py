"""Every mistake gets one clear message: file, line, key, what is wrong, what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.problems import Problem, SpecError
from fleet.spec.load import load_environment
from tests.fleet.mistakes import MISTAKES, Mistake

LAB_TEXT = (Path(__file__).parents[2] / "environments" / "lab.yaml").read_text()

Write = Callable[[str | bytes], Path]


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        load_environment(path)
    return caught.value.problems


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named_with_its_line_and_remedy(mistake: Mistake, write: Write) -> None:
    assert mistake.old in LAB_TEXT
    text = LAB_TEXT.replace(mistake.old, mistake.new, 1)
    path = write(text)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if mistake.at in line]

    problems = problems_of(path)

    said = [one for one in problems if mistake.what in one.what and one.key == mistake.key]
    assert said, [str(one) for one in problems]
    assert said[0].file == str(path)
    assert said[0].line == lines[mistake.nth - 1]
    assert mistake.remedy in said[0].remedy


def test_all_problems_come_at_once_in_the_order_of_lines(write: Write) -> None:
    text = (
        LAB_TEXT.replace("rise: 20", "rise: 1")
        .replace("floor_percent: 50", "floor_percent: 90")
        .replace("198.51.100.22]", "198.51.100.21]")
    )
    problems = problems_of(write(text))
    assert [one.key for one in problems] == [
        "pools.transactional.addresses.east-1[1]",
        "failover.rise",
        "failover.floor_percent",
        "failover.floor_percent",
        "failover.floor_percent",
    ]
    assert [one.line for one in problems] == sorted(one.line for one in problems)


def test_the_message_reads_as_place_key_fault_and_remedy(write: Write) -> None:
    path = write(LAB_TEXT.replace("rise: 20", "rise: 1"))
    (problem,) = problems_of(path)
    assert str(SpecError([problem])) == (
        f"1 problem\n{path}:{problem.line}: failover.rise: "
        "a node would come back after 1 good probes but leave after 2 bad ones\n"
        "    Choose 2 or more: a node that flaps must not return faster than it leaves."
    )


def test_one_region_is_not_a_fleet(write: Write) -> None:
    start = LAB_TEXT.index("  west:\n")
    end = LAB_TEXT.index("witness:\n")
    said = [one.what for one in problems_of(write(LAB_TEXT[:start] + LAB_TEXT[end:]))]
    assert "a fleet needs two regions at least; this one has 1" in said


def test_a_lab_needs_its_world(write: Write) -> None:
    (problem,) = problems_of(write(LAB_TEXT[: LAB_TEXT.index("lab:\n  link")]))
    assert problem.key == "substrate"
    assert "Add `lab:`" in problem.remedy


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe\x80", "not text in UTF-8"),
        (b"environment: \x00\x01", "not text in UTF-8"),
        (b"- one\n- two\n", "a list is not a mapping"),
        (b"just words", "`just words` is not a mapping"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"[" * 2000, "nest deeper than 32 levels"),
        (b"{a: " * 5000, "nest deeper than 32 levels"),
        (b"# padding\n" * 200_000, "larger than 1024 KiB"),
    ],
    ids=[
        "empty",
        "comment",
        "binary",
        "control",
        "list",
        "scalar",
        "two documents",
        "deep",
        "deeper",
        "huge",
    ],
)
def test_a_file_that_is_no_environment_is_a_clear_error(content: bytes, what: str, write: Write) -> None:
    problems = problems_of(write(content))
    assert what in problems[0].what
    assert problems[0].remedy


def test_an_alias_bomb_is_refused_without_being_expanded(write: Write) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    problems = problems_of(write("\n".join(["l0: &l0 [x]", *levels])))
    assert "anchors and aliases" in problems[0].what


def test_a_missing_file_and_a_directory_are_clear_errors(tmp_path: Path) -> None:
    assert "no such file" in problems_of(tmp_path / "none.yaml")[0].what
    assert "is a directory" in problems_of(tmp_path)[0].what


def test_an_unknown_environment_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="Did you mean `lab`"):
        load_environment("lap")


def test_name_and_file_agree(tmp_path: Path) -> None:
    path = tmp_path / "environments" / "production.yaml"
    path.parent.mkdir()
    path.write_text(LAB_TEXT)
    (problem,) = problems_of(path)
    assert (problem.key, problem.line) == ("environment", 4)


def says_what_is_wrong(directory: Path, content: bytes) -> None:
    """Loads `content`; anything but an environment or a full SpecError fails the test."""
    path = directory / "any.yaml"
    path.write_bytes(content)
    try:
        load_environment(path)
    except SpecError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.file == str(path)
            assert problem.what
            assert problem.remedy
            assert 0 <= problem.line <= content.count(b"\n") + content.count(b"\r") + 2


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@given(st.binary(max_size=300))
def test_no_bytes_bring_the_loader_down(scratch: Path, content: bytes) -> None:
    says_what_is_wrong(scratch, content)


YAML_CRUMBS = st.sampled_from(
    [
        "{", "}", "[", "]", ":", "#", "'", "\"", "&a", "*a", "!!set", "?", "|", "%YAML", "---", "null", "~",
        "1e999", "0x10", "2025-02-30", ".inf", "no",
        "1:30", "\u00e9", "regions", "pools", "lab", "- ", "\n", "  ", "<<: ",
    ]
)  # fmt: skip


@settings(max_examples=60)
@given(st.data())
def test_no_damage_to_a_good_file_brings_the_loader_down(scratch: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(LAB_TEXT)))
    length = data.draw(st.integers(0, 40))
    crumbs = "".join(data.draw(st.lists(YAML_CRUMBS, max_size=4)))
    says_what_is_wrong(scratch, (LAB_TEXT[:start] + crumbs + LAB_TEXT[start + length :]).encode())
