"""`mtafleet image update`: the newest official image of every region, or nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import cli as mtafleet
from fleet.errors import MtafleetError
from infra.aws_stack import AwsStack
from infra.images import DEBIAN_OWNER
from lab.aws.config import ACCOUNT
from lab.aws.server.app import serving
from tests.infra.aws_images import share_image

Share = Callable[..., str]

REGIONS = ("us-east-1", "eu-west-1", "us-east-2")
OLD = {"us-east-1": "ami-0123456789abcdef0", "eu-west-1": "ami-0123456789abcdef1"}


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A simulated AWS that boto3 is led to; yields the file of faults to inject."""
    faults = tmp_path / "faults.json"
    with serving(faults) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield faults


@pytest.fixture
def share() -> Share:
    """Publishes an image in a region: its name, its day, and its owner; returns its id."""
    numbers = count(1)

    def publish(region: str, name: str, day: str, owner: str = DEBIAN_OWNER, machine: str = "x86_64") -> str:
        image = f"ami-{next(numbers):08x}"
        share_image(region, image, name, day=day, owner=owner, machine=machine)
        return image

    return publish


@dataclass
class Config:
    """A stack's configuration: the images that it pins by region, and what was written to it."""

    pinned: dict[str, str]
    writes: list[dict[str, str]] = field(default_factory=list)

    def call(self, stack: AwsStack, arguments: Sequence[str]) -> str:
        assert stack.name == "dev"
        if list(arguments[:2]) == ["config", "--json"]:
            value = {"value": json.dumps(self.pinned), "objectValue": self.pinned, "secret": False}
            return json.dumps({"mtafleet:images": value})
        if arguments[0] == "stack":
            return "{}"
        assert list(arguments[:3]) == ["config", "set-all", "--path"]
        self.writes.append(dict(word.split("=", 1) for word in arguments[3:] if word != "--plaintext"))
        return ""


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Config:
    """Images are pinned in two of the fleet's three regions."""
    config = Config(dict(OLD))
    monkeypatch.setattr("cli.runs.state_directory", lambda environment: tmp_path / environment)
    monkeypatch.setattr("infra.aws_stack.engine_environment", lambda *_: {})

    def call(stack: AwsStack, arguments: Sequence[str]) -> str:
        return config.call(stack, arguments)

    monkeypatch.setattr(AwsStack, "call", call)
    return config


def run(*arguments: str) -> Result:
    return CliRunner().invoke(mtafleet, ["image", "update", "dev", *arguments])


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, MtafleetError), result
    return str(result.exception)


def publish_everywhere(share: Share) -> dict[str, str]:
    return {region: share(region, "debian-13-amd64-20260901-2222", "2026-09-01") for region in REGIONS}


def test_the_newest_official_image_of_each_region_is_pinned_in_one_write(
    share: Share, config: Config
) -> None:
    for region in REGIONS:
        share(region, "debian-13-amd64-20260101-1111", "2026-01-01")
    newest = publish_everywhere(share)
    for region in REGIONS:
        share(region, "debian-13-amd64-20261001-9999", "2026-10-01", "999999999999")
        share(region, "debian-13-amd64-daily-20261101-9999", "2026-11-01")
        share(region, "debian-13-arm64-20261101-3333", "2026-11-01", machine="arm64")
        share(region, "debian-12-amd64-20261101-3333", "2026-11-01")
    result = run()
    assert result.exit_code == 0
    assert config.writes == [{f'mtafleet:images["{region}"]': newest[region] for region in REGIONS}]
    assert (
        f"us-east-1: {OLD['us-east-1']} -> {newest['us-east-1']}: debian-13-amd64-20260901-2222"
        in result.output
    )
    assert f"us-east-2: none -> {newest['us-east-2']}" in result.output


def test_nothing_is_written_when_a_region_has_none(share: Share, config: Config) -> None:
    share("us-east-1", "debian-13-amd64-20260901-2222", "2026-09-01")
    told = refused()
    assert "nothing was written" in told
    assert "eu-west-1: account" in told
    assert "us-east-2: account" in told
    assert "us-east-1:" not in told
    assert not config.writes


def test_nothing_is_written_when_a_region_does_not_answer(share: Share, config: Config, aws: Path) -> None:
    publish_everywhere(share)
    aws.write_text(json.dumps([{"fault": "denied", "region": "eu-west-1", "service": "ec2"}]))
    assert "eu-west-1: An error occurred" in refused()
    assert not config.writes


def test_a_dry_run_shows_and_writes_nothing(share: Share, config: Config) -> None:
    newest = publish_everywhere(share)
    result = run("--dry-run")
    assert newest["eu-west-1"] in result.output
    assert "3 would change; nothing was written" in result.output
    assert not config.writes


def test_what_is_pinned_already_is_not_written(share: Share, config: Config) -> None:
    newest = publish_everywhere(share)
    config.pinned = newest
    result = run()
    assert "up to date, nothing was written" in result.output
    assert not config.writes


@pytest.mark.parametrize("region", ["eu-west-1", "ireland"])
def test_one_region_by_its_code_or_its_name_in_the_file(share: Share, config: Config, region: str) -> None:
    newest = publish_everywhere(share)
    assert run("--region", region).exit_code == 0
    assert config.writes == [{'mtafleet:images["eu-west-1"]': newest["eu-west-1"]}]


def test_an_image_of_ones_own_is_pinned_and_said_to_be_none_of_debians(share: Share, config: Config) -> None:
    own = share("eu-west-1", "hardened", "2026-10-01", ACCOUNT)
    result = run("--region", "eu-west-1", "--image", own)
    assert config.writes == [{'mtafleet:images["eu-west-1"]': own}]
    assert f"not Debian's but of account {ACCOUNT}" in result.output


def test_an_image_of_another_region_is_refused(share: Share, config: Config) -> None:
    elsewhere = share("us-east-1", "hardened", "2026-10-01", ACCOUNT)
    assert "ids differ by region" in refused("--region", "eu-west-1", "--image", elsewhere)
    assert "no image id" in refused("--region", "eu-west-1", "--image", "debian")
    assert not config.writes


def test_a_region_without_machines_is_refused(config: Config) -> None:
    assert "its AWS regions are us-east-1 (virginia)" in refused("--region", "ap-south-1")


def test_an_image_needs_a_region(config: Config) -> None:
    result = run("--image", OLD["eu-west-1"])
    assert result.exit_code == 2
    assert "name that with --region" in result.output
