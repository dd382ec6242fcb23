"""Replies as they come over the wire and as Postfix logs them are taken apart alike."""
# ruff: noqa: E501 - a table reads best with few lines a row

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.model import Reply
from delivery.replies import parse_reply
from delivery.replies.parse import LONGEST_TEXT

GMX = "For explanation visit https://postmaster.gmx.net/en/case?c=r0201"


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        ("421 4.7.0 Try again later", Reply("Try again later", 421, "4.7.0")),
        (
            "421-4.7.28 an unusual rate\r\n421-4.7.28 of mail\r\n421 4.7.28 - gsmtp",
            Reply("an unusual rate of mail - gsmtp", 421, "4.7.28", "- gsmtp"),
        ),
        (
            "host mx.example.com[192.0.2.1] said: 421-4.7.28 an unusual rate 421 4.7.28 of mail "
            "(in reply to end of DATA command)",
            Reply("an unusual rate of mail", 421, "4.7.28", "of mail"),
        ),
        (
            "host mx.example.com[2001:db8::1] refused to talk to me: 554-gmx.net Nemesis ESMTP 554-No SMTP service "
            f"554 {GMX}",
            Reply(f"gmx.net Nemesis ESMTP No SMTP service {GMX}", 554, None, GMX),
        ),
        ("550 #5.1.0 Address rejected.", Reply("Address rejected.", 550, "5.1.0")),
        ("553 sorry, no mailbox here by that name. (#5.1.1)", Reply("sorry, no mailbox here by that name. (#5.1.1)", 553, "5.1.1")),
        ("552 1 Requested mail action aborted", Reply("1 Requested mail action aborted", 552)),
        ("421", Reply("", 421)),
        ("550-\"JunkMail rejected - [192.0.2.1]:3915 is in an RBL\"", Reply("\"JunkMail rejected - [192.0.2.1]:3915 is in an RBL\"", 550)),
        ("connect to mx.example.com[192.0.2.1]:25: Connection timed out", Reply("connect to mx.example.com[192.0.2.1]:25: Connection timed out")),
        (
            "delivery temporarily suspended: host mx.example.com[192.0.2.1] refused to talk to me: 421 busy",
            Reply("busy", 421),
        ),
        ("421 4.7.0 received 421 of 500 messages", Reply("received 421 of 500 messages", 421, "4.7.0")),
        ("", Reply("")),
    ],
)  # fmt: skip
def test_a_reply_is_taken_apart(raw: str, reply: Reply) -> None:
    assert parse_reply(raw) == reply


def test_the_last_enhanced_code_counts_and_an_end_that_repeats_the_code_is_kept() -> None:
    reply = parse_reply("550-5.7.1 first 550-5.7.26 second 550 5.7.26 third, see 550 of the guide")
    assert reply == Reply(
        "first second third, see 550 of the guide", 550, "5.7.26", "third, see 550 of the guide"
    )


@given(st.text(max_size=400))
def test_nothing_fails(raw: str) -> None:
    reply = parse_reply(raw)
    assert len(reply.text) <= LONGEST_TEXT


@given(
    st.sampled_from([421, 450, 550, 554]),
    st.lists(st.text("abc xyz", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5),
)
def test_lines_apart_and_lines_joined_mean_the_same(code: int, texts: list[str]) -> None:
    lines = [f"{code}-{one}" for one in texts[:-1]] + [f"{code} {texts[-1]}"]
    apart, joined = parse_reply("\r\n".join(lines)), parse_reply(" ".join(lines))
    assert apart == joined
    assert apart.text == " ".join(" ".join(texts).split())
