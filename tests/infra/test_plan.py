"""What a preview tells, and what of it may be applied."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.plan import Change, Kind, Plan, PlanError, Refusal, read_events, refusals
from infra.plan.guard import ATTACHMENT, KEPT, MACHINE, MACHINE_COMPONENT, PRIVATE_KEY, SHARED_SECRET
from infra.plan.model import Protected
from tests.infra.plan_events import detailed, log, policy, said, step, urn

EIP = "aws:ec2/eip:Eip"
ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
NODES = ("east-1", "east-2", "west-1", "witness-1")
LOSSES: tuple[Kind, ...] = ("replaced", "deleted")


def read(*lines: str) -> Plan:
    return read_events(log(*lines))


def one(*lines: str) -> Change:
    (change,) = read(*lines).changes
    return change


@pytest.mark.parametrize(
    ("operations", "kind"),
    [
        (["create"], "created"),
        (["import"], "created"),
        (["update"], "changed"),
        (["refresh", "update"], "changed"),
        (["delete"], "deleted"),
        (["create-replacement", "replace", "delete-replaced"], "replaced"),
        (["delete-replaced", "replace", "create-replacement"], "replaced"),
        (["remove-pending-replace", "create-replacement"], "replaced"),
        (["delete", "create"], "replaced"),
        (["import-replacement"], "replaced"),
    ],
)
def test_the_steps_on_a_resource_are_one_change(operations: Sequence[str], kind: Kind) -> None:
    change = one(*(step(op, urn(EIP, "10.0.0.1")) for op in operations))
    assert (change.kind, change.type, change.name, change.stack) == (kind, EIP, "10.0.0.1", "staging")


def test_what_stays_as_it_is_is_counted_and_components_are_left_out() -> None:
    plan = read(
        step("same", urn(EIP, "10.0.0.1")),
        step("refresh", urn(EIP, "10.0.0.2")),
        step("same", urn("mtafleet:aws:Machine", "east-1"), custom=False),
        step("create", urn("mtafleet:aws:Machine", "east-2"), custom=False),
    )
    assert (plan.changes, plan.unchanged) == ((), 2)


def test_a_resource_that_is_only_described_when_it_ends_counts() -> None:
    assert one(step("delete", urn(EIP, "10.0.0.1"), new=None)).kind == "deleted"
    assert one(step("create", urn(EIP, "10.0.0.1"), old=None)).kind == "created"
    assert one(step("delete", urn(EIP, "10.0.0.1"), old=None, new=None)).kind == "deleted"


def test_a_change_names_the_properties_that_differ_and_no_value() -> None:
    changed = one(step("update", urn(EIP, "a"), **detailed(domain="update"), diffs=["domain", "tags"]))
    assert changed.properties == ("domain",)
    assert one(step("update", urn(EIP, "a"), diffs=["tags"])).properties == ("tags",)
    assert "secret" not in repr(changed)


def test_a_replacement_names_the_properties_that_demand_it() -> None:
    both = detailed(ami="update-replace", tags="update")
    assert one(step("replace", urn(MACHINE, "a"), **both)).properties == ("ami",)
    assert one(step("replace", urn(MACHINE, "a"), keys=["ami"])).properties == ("ami",)


def test_the_parents_of_a_resource_are_told_from_its_name() -> None:
    change = Change(urn(PRIVATE_KEY, "host.east-1", MACHINE_COMPONENT), "deleted")
    assert (change.type, change.parents, change.name) == (PRIVATE_KEY, (MACHINE_COMPONENT,), "host.east-1")


def test_an_operation_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(PlanError, match="would `vaporise`"):
        read(step("vaporise", urn(EIP, "a")))


@pytest.mark.parametrize("line", ['{"resourcePreEv', "[]"])
def test_a_log_that_cannot_be_understood_is_an_error(line: str) -> None:
    with pytest.raises(PlanError, match="account of its preview"):
        read(line)


def test_a_log_without_a_summary_has_not_ended() -> None:
    assert read(step("same", urn(EIP, "a"))).ended
    assert not read_events([step("same", urn(EIP, "a"))]).ended


def test_errors_and_mandatory_violations_are_told_once_and_without_colours() -> None:
    plan = read(
        said("<{%fg 1%}>no image is pinned<{%reset%}>\n"),
        said("no image is pinned"),
        said("only that you know", "info"),
        policy("port 22 is open"),
        policy("a mere hint", "advisory"),
    )
    assert plan.errors == ("no image is pinned",)
    assert plan.violations == ("fleet: port 22 is open",)


def test_what_the_engine_refuses_to_lose_is_told_apart() -> None:
    address, zone = urn(EIP, "10.0.0.1"), urn(ZONE, "example.net")
    plan = read(
        said(f'unable to replace resource "{address}"\nas it is currently marked for protection.'),
        said(f'Preview failed: resource "{zone}" cannot be deleted\nbecause it is protected. To unprotect'),
    )
    assert set(plan.protected) == {Protected(address, "replaced"), Protected(zone, "deleted")}
    told = " ".join(refusal.what for refusal in refusals(plan, NODES))
    assert "address `10.0.0.1` would be replaced" in told
    assert "zone `example.net` would be deleted" in told


def lost(*changes: Change) -> tuple[Refusal, ...]:
    return refusals(Plan(changes), NODES)


def machine(name: str, kind: Kind = "replaced", *properties: str) -> Change:
    return Change(urn(MACHINE, name, MACHINE_COMPONENT), kind, properties)


def host_key(node: str, kind: Kind) -> Change:
    return Change(urn(PRIVATE_KEY, f"host.{node}", MACHINE_COMPONENT), kind)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(
    ("kept", "noun"),
    [
        (EIP, "address"),
        (ZONE, "zone"),
        ("aws:kms/key:Key", "encryption key"),
        ("aws:ebs/volume:Volume", "queue volume"),
        (PRIVATE_KEY, "key"),
        (SHARED_SECRET, "shared secret"),
    ],
)
def test_nothing_that_is_kept_may_be_lost(kept: str, noun: str, kind: Kind) -> None:
    change = Change(urn(kept, "one"), kind)
    (refusal,) = lost(change)
    assert f"the {noun} `one` would be {kind}" in refusal.what
    assert f"pulumi state unprotect '{change.urn}' --stack staging" in refusal.remedy
    assert not lost(Change(urn(kept, "one"), "created"), Change(urn(kept, "two"), "changed", ("tags",)))


def test_one_machine_may_be_replaced_with_all_that_is_its_own() -> None:
    assert not lost(
        machine("east-1"),
        Change(urn(ATTACHMENT, "east-1"), "replaced"),
        Change(urn("aws:ec2/eipAssociation:EipAssociation", "10.0.0.1"), "replaced"),
        host_key("east-1", "replaced"),
    )


def test_two_machines_may_not() -> None:
    (refusal,) = lost(machine("east-1"), machine("west-1"))
    assert refusal.what == "2 machines would be replaced, removed or stopped in one run: east-1, west-1"


@pytest.mark.parametrize(
    "second",
    [
        machine("west-1", "deleted"),
        machine("west-1", "changed", "instanceType"),
        machine("west-1", "changed", "userData"),
        Change(urn(ATTACHMENT, "west-1"), "replaced"),
    ],
)
def test_whatever_stops_a_second_machine_counts(second: Change) -> None:
    assert lost(machine("east-1"), second)
    assert not lost(second)


def test_a_change_that_leaves_machines_running_does_not_count() -> None:
    changes = [machine(name, "changed", "tags.Name", "rootBlockDevice.volumeSize") for name in NODES]
    assert not lost(*changes)


def test_a_host_key_goes_with_its_machine_only() -> None:
    assert lost(host_key("east-1", "deleted"))
    assert lost(machine("west-1"), host_key("east-1", "replaced"))


def test_a_password_goes_with_its_user() -> None:
    assert not lost(Change(urn(SHARED_SECRET, "user.shop-app"), "deleted"))
    assert lost(Change(urn(SHARED_SECRET, "user.shop-app"), "replaced"))
    assert lost(Change(urn(SHARED_SECRET, "tsig"), "deleted"))


def test_machines_of_nodes_that_the_file_no_longer_has_need_to_be_meant() -> None:
    plan = Plan(
        (
            machine("old-1", "deleted"),
            machine("old-2", "deleted"),
            Change(urn(ATTACHMENT, "old-1"), "deleted"),
            host_key("old-1", "deleted"),
            host_key("old-2", "deleted"),
        )
    )
    told = " ".join(refusal.what for refusal in refusals(plan, NODES))
    assert "no longer has old-1, old-2" in told
    assert not refusals(plan, NODES, drop_nodes=True)


def test_dropping_nodes_lets_no_other_machine_go() -> None:
    plan = Plan((machine("old-1", "deleted"), machine("east-1", "deleted"), machine("west-1", "deleted")))
    (refusal,) = refusals(plan, NODES, drop_nodes=True)
    assert "east-1, west-1" in refusal.what
    assert "old-1" not in refusal.what


names = st.sampled_from([*NODES, "old-1", "host.east-1", "user.shop-app", "10.0.0.1"])
types = st.sampled_from([MACHINE, ATTACHMENT, RECORD, *KEPT])
kinds = st.sampled_from(["created", "changed", "replaced", "deleted"])
properties = st.sampled_from([(), ("tags",), ("instanceType",)])
parents = st.sampled_from([(), (MACHINE_COMPONENT,)])
changes = st.builds(
    lambda kind, name, around, what, paths: Change(urn(kind, name, *around), what, paths),
    types,
    names,
    parents,
    kinds,
    properties,
)
plans = st.lists(changes, max_size=8, unique_by=lambda change: change.urn)


@given(plans, changes, st.booleans())
def test_a_further_change_never_makes_a_refused_plan_pass(
    plan: list[Change], further: Change, drop: bool
) -> None:
    """But for the machine whose host key went: the two are one loss."""
    if further.type == MACHINE or further.urn in {change.urn for change in plan}:
        return
    if refusals(Plan(tuple(plan)), NODES, drop_nodes=drop):
        assert refusals(Plan((*plan, further)), NODES, drop_nodes=drop)


@given(plans, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_changes_does_not_matter(plan: list[Change], drop: bool, random: object) -> None:
    shuffled = sorted(plan, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert refusals(Plan(tuple(plan)), NODES, drop_nodes=drop) == refusals(
        Plan(tuple(shuffled)), NODES, drop_nodes=drop
    )


@given(plans, st.booleans())
def test_what_passes_loses_nothing_kept_and_at_most_one_wanted_machine(
    plan: list[Change], drop: bool
) -> None:
    if refusals(Plan(tuple(plan)), NODES, drop_nodes=drop):
        return
    gone = [change for change in plan if change.kind in LOSSES]
    assert not [
        change for change in gone if change.type in KEPT and change.type not in (PRIVATE_KEY, SHARED_SECRET)
    ]
    machines = {change.name for change in gone if change.type == MACHINE}
    removed = {change.name for change in gone if change.type == MACHINE and change.kind == "deleted"}
    assert len(machines - (removed - set(NODES))) <= 1
    assert drop or removed <= set(NODES)


@given(plans)
def test_dropping_nodes_refuses_nothing_that_passes_without(plan: list[Change]) -> None:
    if not refusals(Plan(tuple(plan)), NODES):
        assert not refusals(Plan(tuple(plan)), NODES, drop_nodes=True)


@given(plans)
def test_what_the_log_tells_is_what_is_read(plan: list[Change]) -> None:
    steps = {
        "created": ["create"],
        "changed": ["update"],
        "replaced": ["delete-replaced", "replace", "create-replacement"],
        "deleted": ["delete"],
    }
    lines = []
    for change in plan:
        diff = dict.fromkeys(change.properties, "update-replace" if change.kind == "replaced" else "update")
        lines += [step(op, change.urn, **detailed(**diff)) for op in steps[change.kind]]
    found = read(*lines)
    told = {(change.urn, change.kind) for change in plan}
    assert {(change.urn, change.kind) for change in found.changes} == told
    shown = {change.urn: change.properties for change in plan if change.kind in ("changed", "replaced")}
    assert {one.urn: one.properties for one in found.changes if one.urn in shown} == shown
