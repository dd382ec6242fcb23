"""The program's own resources pass every judge, known or not; each kind of damage is named."""

from collections.abc import Iterator

import pytest

from policy.single import SINGLE
from policy.whole import BOUND, EIP, RECORD, REVERSE, WHOLE
from tests.infra.aws_run import AS_OF, Both, environment_called, run_both, run_part
from tests.policy.stacks import changed, shown, verdict, without

HELO = "marketing-1.ireland-2.staging-fleet.example"
PLACE = "pools.marketing.addresses.ireland-2"


@pytest.fixture(scope="module")
def staging() -> Iterator[Both]:
    yield run_both(environment_called("staging"))


@pytest.mark.parametrize("judge", WHOLE)
@pytest.mark.parametrize("known", [False, True])
def test_the_program_passes(judge: str, known: bool, staging: Both) -> None:
    for run in (staging.foundation, staging.fleet):
        assert verdict(judge, shown(run, known=known), staging.environment, AS_OF) == []


def test_the_program_passes_before_reverse_names_are_asked_for() -> None:
    environment = environment_called("dev")
    stack = shown(run_part(environment, "foundation"))
    assert verdict("names", stack, environment, AS_OF) == []


@pytest.mark.parametrize("judge", SINGLE)
def test_every_resource_of_the_program_passes(judge: str, staging: Both) -> None:
    for run in (staging.foundation, staging.fleet):
        for one in shown(run):
            assert list(SINGLE[judge][0](one)) == [], one.name


def test_a_helo_name_without_an_a_record(staging: Both) -> None:
    stack = without(shown(staging.foundation), RECORD, f"{HELO} A")
    (said,) = verdict("names", stack, staging.environment, AS_OF)
    assert said == f"{PLACE}: its HELO name `{HELO}` has no A record."


def test_an_a_record_of_another_unknown_address(staging: Both) -> None:
    other = {"records": [(EIP, "10.21.8.21")]}
    stack = changed(shown(staging.foundation), RECORD, f"{HELO} A", made_of=other)
    (said,) = verdict("names", stack, staging.environment, AS_OF)
    assert f"the A record of its HELO name `{HELO}` shows another address" in said
    (apart,) = verdict("pools", stack, staging.environment, AS_OF)
    assert apart.startswith("10.21.8.21 sends for `marketing` and `transactional`")


def test_a_reverse_name_that_is_not_the_helo_name(staging: Both) -> None:
    stack = changed(shown(staging.foundation), REVERSE, "10.21.8.41", props={"domainName": "mail.example"})
    (said,) = verdict("names", stack, staging.environment, AS_OF)
    assert said == f"{PLACE}: its reverse name is `mail.example`, not its HELO name `{HELO}`."


def test_a_missing_reverse_name(staging: Both) -> None:
    stack = without(shown(staging.foundation), REVERSE, "10.21.8.41")
    (said,) = verdict("names", stack, staging.environment, AS_OF)
    assert "its reverse name is missing" in said


def test_a_missing_elastic_ip(staging: Both) -> None:
    stack = without(shown(staging.foundation), EIP, "10.21.8.41")
    (said,) = verdict("names", stack, staging.environment, AS_OF)
    assert "there is no Elastic IP for 10.21.8.41" in said


def test_addresses_that_no_machine_is_given_carry_nothing(staging: Both) -> None:
    stack = without(shown(staging.fleet), BOUND, "10.21.8.41")
    (said,) = verdict("capacity", stack, staging.environment, AS_OF)
    assert said.startswith("pools.marketing.peak_messages_per_hour: when region `virginia` vanishes")
    assert "carry 10000 messages an hour, not 20000. Ask for at most 10000" in said


def test_an_spf_record_that_costs_too_much(staging: Both) -> None:
    name = "staging-news.example"
    text = "v=spf1 " + " ".join(f"include:_spf.{n}.example" for n in range(11)) + " ~all"
    props = {"records": [text], "name": name}
    stack = changed(shown(staging.foundation), RECORD, f"{name} TXT", props=props)
    (said,) = verdict("spf", stack, staging.environment, AS_OF)
    assert f"the SPF record of `{name}` costs 11 DNS look-ups, not at most 10" in said


def test_an_spf_record_that_will_cost_too_much_while_addresses_are_unknown(staging: Both) -> None:
    news = staging.environment.domains["staging-news.example"]
    spoilt = news.model_copy(update={"spf_includes": {"_spf.other.example": 11}})
    domains = {**staging.environment.domains, "staging-news.example": spoilt}
    environment = staging.environment.model_copy(update={"domains": domains})
    (said,) = verdict("spf", shown(staging.foundation), environment, AS_OF)
    assert "costs 11 DNS look-ups; 10 are allowed" in said


def test_a_steered_answer_without_a_check(staging: Both) -> None:
    name = "marketing.submit.staging-fleet.example ireland-2"
    stack = changed(shown(staging.fleet), RECORD, name, made_of={})
    (said,) = verdict("steering", stack, staging.environment, AS_OF)
    assert f"the answer `{name}` hangs on no health check" in said
