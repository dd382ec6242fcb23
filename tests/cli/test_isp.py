"""`mtafleet isp explain` and `list`."""

import json

from click.testing import CliRunner

from cli.isp import UnknownIspError
from cli.main import cli


def test_explain_says_what_it_means_what_is_done_and_who_says_so() -> None:
    reply = "421-4.7.28 Gmail has detected an unusual rate\n421 4.7.28 of mail from your IP address 192.0.2.1"
    result = CliRunner().invoke(cli, ["isp", "explain", reply, "--isp", "google"])
    assert result.exit_code == 0, result.output
    for words in (
        "421 4.7.28",
        "rate; it speaks of the address",
        "sends more slowly",
        "google/rate-of-address",
    ):
        assert words in result.output
    assert "https://knowledge.workspace.google.com/" in result.output


def test_explain_for_machines() -> None:
    words = ["550 5.7.1 part of their network is on our block list (S3150)", "--isp", "microsoft-consumer"]
    result = CliRunner().invoke(cli, ["isp", "explain", *words, "--json"])
    told = json.loads(result.output)
    assert told["meaning"]["rule"] == "microsoft-consumer/network-blocked"
    assert told["meaning"]["suspend_seconds"] == 7200
    assert "runbook `isp-block`" in " ".join(told["does"])
    assert told["source"]["read"] == "2026-11-23"


def test_a_reply_that_no_rule_knows_is_told_as_such() -> None:
    result = CliRunner().invoke(cli, ["isp", "explain", "450 xyzzy"])
    assert "none knows this reply" in result.output


def test_an_isp_that_is_none_is_named() -> None:
    result = CliRunner().invoke(cli, ["isp", "explain", "450 x", "--isp", "gogle"])
    assert isinstance(result.exception, UnknownIspError)
    assert "Did you mean `google`?" in str(result.exception)


def test_list() -> None:
    shown = CliRunner().invoke(cli, ["isp", "list"])
    assert ".yahoodns.net" in shown.output
    rows = {row["isp"]: row for row in json.loads(CliRunner().invoke(cli, ["isp", "list", "--json"]).output)}
    assert rows["default"]["rules"] > 40
    assert rows["google"]["connections"] == 5
