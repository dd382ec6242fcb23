from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import status_pb2

from providerkit.values import Properties, from_struct, to_struct
from tests.providerkit.toy import URN, Shelf, serving


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def client(shelf: Shelf) -> Iterator[Any]:
    with serving([shelf]) as stub:
        yield stub


def struct(values: dict[str, Any], secret: set[str] | None = None, unknown: set[str] | None = None) -> Any:
    return to_struct(Properties(values, frozenset(secret or ()), frozenset(unknown or ())))


def test_check_fills_in_defaults_and_keeps_secrets(client: Any) -> None:
    answer = client.Check(pb.CheckRequest(urn=URN, news=struct({"name": "oak", "books": ["a"]}, {"books"})))
    inputs = from_struct(answer.inputs)
    assert inputs.values == {"name": "oak", "width_centimetres": 80, "books": ["a"]}
    assert inputs.secret == {"books"}


def test_check_fills_in_defaults_beside_values_not_yet_known(client: Any) -> None:
    answer = client.Check(pb.CheckRequest(urn=URN, news=struct({"books": ["a"]}, unknown={"name"})))
    inputs = from_struct(answer.inputs)
    assert not answer.failures
    assert inputs.values == {"width_centimetres": 80, "books": ["a"]}
    assert inputs.unknown == {"name"}


def test_check_names_each_bad_property(client: Any) -> None:
    news = struct({"name": "Oak", "width_centimetres": 0, "color": "red", "books": ["a", 5]})
    answer = client.Check(pb.CheckRequest(urn=URN, news=news))
    assert {failure.property for failure in answer.failures} == {
        "name",
        "width_centimetres",
        "color",
        "books[1]",
    }
    assert all(failure.reason for failure in answer.failures)


def test_check_finds_bad_values_beside_unknown_ones(client: Any) -> None:
    news = struct({"width_centimetres": 0}, unknown={"name"})
    answer = client.Check(pb.CheckRequest(urn=URN, news=news))
    assert [failure.property for failure in answer.failures] == ["width_centimetres"]


def diff(client: Any, olds: Any, news: Any, ignore: tuple[str, ...] = ()) -> Any:
    return client.Diff(pb.DiffRequest(id="x", urn=URN, olds=olds, news=news, ignoreChanges=ignore))


STATE = {"name": "oak", "width_centimetres": 80, "books": [], "serial": "serial-oak"}
INPUTS = {"name": "oak", "width_centimetres": 80, "books": []}


def test_equal_inputs_are_no_change(client: Any) -> None:
    answer = diff(client, struct(STATE), struct(INPUTS))
    assert answer.changes == pb.DiffResponse.DIFF_NONE


def test_most_changes_are_made_in_place(client: Any) -> None:
    answer = diff(client, struct(STATE), struct({**INPUTS, "width_centimetres": 90, "inscription": "x"}))
    assert set(answer.diffs) == {"width_centimetres", "inscription"}
    assert not answer.replaces
    assert answer.detailedDiff["inscription"].kind == pb.PropertyDiff.ADD
    assert answer.detailedDiff["width_centimetres"].kind == pb.PropertyDiff.UPDATE


def test_some_changes_replace_and_the_old_one_goes_first(client: Any) -> None:
    answer = diff(client, struct(STATE), struct({**INPUTS, "name": "elm"}))
    assert list(answer.replaces) == ["name"]
    assert answer.deleteBeforeReplace
    assert answer.detailedDiff["name"].kind == pb.PropertyDiff.UPDATE_REPLACE


def test_drift_found_by_a_refresh_is_a_change(client: Any) -> None:
    answer = diff(client, struct({**STATE, "width_centimetres": 70}), struct(INPUTS))
    assert list(answer.diffs) == ["width_centimetres"]


def test_an_input_not_yet_known_counts_as_changed(client: Any) -> None:
    answer = diff(client, struct(STATE), struct({"width_centimetres": 80, "books": []}, unknown={"name"}))
    assert list(answer.replaces) == ["name"]


def test_ignored_changes_are_none(client: Any) -> None:
    news = struct({**INPUTS, "width_centimetres": 90})
    answer = diff(client, struct(STATE), news, ignore=("width_centimetres",))
    assert answer.changes == pb.DiffResponse.DIFF_NONE


def test_a_preview_creates_nothing_and_says_what_it_can(client: Any, shelf: Shelf) -> None:
    answer = client.Create(pb.CreateRequest(urn=URN, properties=struct(INPUTS), preview=True))
    state = from_struct(answer.properties)
    assert not shelf.shelves
    assert state.values["serial"] == "serial-oak"
    assert state.unknown == {"combination"}
    assert state.secret == {"combination"}


def test_a_preview_with_unknown_inputs_foresees_no_output(client: Any) -> None:
    properties = struct({"width_centimetres": 80}, unknown={"name"})
    answer = client.Create(pb.CreateRequest(urn=URN, properties=properties, preview=True))
    assert from_struct(answer.properties).unknown == {"name", "serial", "combination"}


def test_create_returns_inputs_and_outputs_with_secrets_marked(client: Any) -> None:
    properties = struct({**INPUTS, "inscription": "private"}, {"inscription"})
    answer = client.Create(pb.CreateRequest(urn=URN, properties=properties))
    state = from_struct(answer.properties)
    assert answer.id == "shelf-oak"
    assert state.values["combination"] == "12-34"
    assert state.secret == {"combination", "inscription"}


def test_a_failed_creation_is_one_sentence(client: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.Create(pb.CreateRequest(urn=URN, properties=struct({"name": "broken"})))
    assert caught.value.details() == "the wood is broken: choose another plank"


def test_a_mistake_of_ours_names_the_resource_type(client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.Create(pb.CreateRequest(urn=URN, properties=struct({"name": "bug"})))
    assert "toy:index:Shelf: ZeroDivisionError" in caught.value.details()


def test_a_half_made_resource_is_reported_with_its_state(client: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.Create(pb.CreateRequest(urn=URN, properties=struct({"name": "crooked"})))
    trailers = dict(caught.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    failure = pb.ErrorResourceInitFailed()
    assert status.details[0].Unpack(failure)
    assert failure.id == "shelf-crooked"
    assert list(failure.reasons) == ["it stands crooked"]
    state = from_struct(failure.properties)
    assert state.values["serial"] == "serial-crooked"
    assert state.secret == {"combination"}


def test_read_tells_the_truth_and_splits_inputs_from_outputs(client: Any, shelf: Shelf) -> None:
    shelf.shelves["shelf-oak"] = {**STATE, "width_centimetres": 70, "combination": "1"}
    request = pb.ReadRequest(id="shelf-oak", urn=URN, properties=struct(STATE), inputs=struct(INPUTS))
    answer = client.Read(request)
    assert from_struct(answer.properties).values["width_centimetres"] == 70
    assert from_struct(answer.properties).secret == {"combination"}
    assert from_struct(answer.inputs).values == {**INPUTS, "width_centimetres": 70}


def test_what_is_gone_reads_as_gone(client: Any) -> None:
    assert client.Read(pb.ReadRequest(id="shelf-elm", urn=URN)).id == ""


def test_a_previewed_update_keeps_outputs_and_changes_nothing(client: Any, shelf: Shelf) -> None:
    news = struct({**INPUTS, "width_centimetres": 90})
    request = pb.UpdateRequest(id="shelf-oak", urn=URN, olds=struct(STATE), news=news, preview=True)
    state = from_struct(client.Update(request).properties)
    assert state.values["serial"] == "serial-oak"
    assert state.values["width_centimetres"] == 90
    assert not shelf.shelves


def test_update_changes_in_place(client: Any, shelf: Shelf) -> None:
    olds = struct({**STATE, "combination": "1"})
    news = struct({**INPUTS, "width_centimetres": 90})
    client.Update(pb.UpdateRequest(id="shelf-oak", urn=URN, olds=olds, news=news))
    assert shelf.shelves["shelf-oak"]["width_centimetres"] == 90


def test_delete_may_be_repeated(client: Any, shelf: Shelf) -> None:
    shelf.shelves["shelf-oak"] = dict(STATE)
    for _ in range(2):
        client.Delete(pb.DeleteRequest(id="shelf-oak", urn=URN))
    assert not shelf.shelves


def test_after_a_cancellation_nothing_new_begins(client: Any, shelf: Shelf) -> None:
    client.Cancel(Empty())
    with pytest.raises(grpc.RpcError) as caught:
        client.Create(pb.CreateRequest(urn=URN, properties=struct(INPUTS)))
    assert caught.value.code() == grpc.StatusCode.CANCELLED
    assert not shelf.shelves


def test_an_unknown_type_lists_those_there_are(client: Any) -> None:
    urn = "urn:pulumi:dev::project::toy:index:Chair::one"
    with pytest.raises(grpc.RpcError) as caught:
        client.Check(pb.CheckRequest(urn=urn))
    assert caught.value.details() == "no resource type toy:index:Chair; this provider has toy:index:Shelf"


def test_the_provider_introduces_itself(client: Any) -> None:
    assert client.Handshake(pb.ProviderHandshakeRequest()).accept_secrets
    assert client.Configure(pb.ConfigureRequest()).supportsPreview
    assert client.GetPluginInfo(Empty()).version == "0.1.0"
    assert '"name": "toy"' in client.GetSchema(pb.GetSchemaRequest()).schema
