"""Unknown replies are counted by their words, kept in a bounded file, and shown."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cli.main import cli
from delivery.replies import parse_reply
from delivery.replies.unknown import (
    LONGEST_WORDS,
    MOST_PER_ISP,
    UnknownReplies,
    UnknownRepliesError,
    words_of,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("450 4.7.9 wait 5 minutes, 192.0.2.1", "450 4.7.9 wait 90 minutes, 198.51.100.77"),
        ("450 <a@b.example>: no", "450 <someone.else@example.org>: no"),
        ("450 no 2001:db8::1 here", "450 no 2001:db8:5::ffff here"),
        ("450 see https://a.example/x?y=1", "450 see https://b.example/"),
        ("450 mail from a.b@c.example is odd", "450 mail from dd@e.example is odd"),
        ("450 Session 4XyzAbC1dez9Tk ended", "450 Session 9Qqq7r ended"),
        ("450 mx1.a.example is odd", "450 mx22.b.c.example is odd"),
    ],
)
def test_details_make_no_difference(one: str, other: str) -> None:
    assert words_of(parse_reply(one)) == words_of(parse_reply(other))


def test_words_and_codes_do() -> None:
    seen = {words_of(parse_reply(raw)) for raw in ("450 so", "451 so", "450 4.1.0 so", "450 thus", "so")}
    assert len(seen) == 5


@given(st.text(max_size=2000))
def test_every_reply_has_words(raw: str) -> None:
    assert len(words_of(parse_reply(raw))) <= LONGEST_WORDS


def test_they_are_counted_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "unknown.jsonl"
    collected = UnknownReplies.load(path)
    for at in (100.0, 300.0, 200.0):
        collected.add("google", parse_reply(f"450 4.9.9 wait {at}"), at)
    collected.add("yahoo", parse_reply("550 odd"), 50.0)
    collected.save(path)
    first, second = UnknownReplies.load(path).entries()
    assert (first.isp, first.count, first.first_at, first.last_at) == ("google", 3, 100.0, 300.0)
    assert first.sample == "450 4.9.9 wait 200.0"
    assert (second.isp, second.words) == ("yahoo", "550 - odd")
    assert UnknownReplies.load(path).entries("yahoo") == [second]


def test_the_one_not_seen_for_longest_makes_room() -> None:
    collected = UnknownReplies()
    for number in range(MOST_PER_ISP + 1):
        words = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        collected.add("google", parse_reply(f"450 {words} refused"), float(number))
    entries = collected.entries()
    assert len(entries) == MOST_PER_ISP
    assert min(one.first_at for one in entries) == 1.0


@pytest.mark.parametrize(
    "text", ["", "{}", "nonsense", '{"format": "mtafleet unknown replies", "version": 1}\n{"isp": 1}']
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "unknown.jsonl"
    path.write_text(text)
    with pytest.raises(UnknownRepliesError, match="no collection"):
        UnknownReplies.load(path)


def test_the_command_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "unknown.jsonl"
    collected = UnknownReplies()
    collected.add("google", parse_reply("450 4.9.9 wait 5"), 0.0)
    collected.save(path)
    shown = CliRunner().invoke(cli, ["isp", "unknown", "--file", str(path)])
    assert "google: 1 times, 1970-01-01 00:00" in shown.output
    data = CliRunner().invoke(cli, ["isp", "unknown", "--file", str(path), "--json"])
    assert json.loads(data.output)[0]["words"] == "450 4.9.9 wait N"
    none = CliRunner().invoke(cli, ["isp", "unknown", "--file", str(tmp_path / "none")])
    assert "No reply was unknown" in none.output
