"""Operations on one resource never overlap, those on different resources may."""

import threading
from collections import Counter

from pulumi.runtime.proto import provider_pb2 as pb

from providerkit.kind import Created
from providerkit.values import Properties, to_struct
from tests.providerkit.toy import URN, Shelf, ShelfInputs, serving


class SlowShelf(Shelf):
    """Making `oak` lasts until `release` is set; remembers how many were made at once under one id."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.release = threading.Event()
        self.most_at_once: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def create(self, inputs: ShelfInputs) -> Created:
        self._now[inputs.name] += 1
        self.most_at_once[inputs.name] = max(self.most_at_once[inputs.name], self._now[inputs.name])
        if inputs.name == "oak":
            self.begun.set()
            self.release.wait()
        self._now[inputs.name] -= 1
        return super().create(inputs)


def test_operations_on_one_resource_wait_for_each_other_and_for_no_other() -> None:
    kind = SlowShelf()
    with serving([kind]) as client:

        def create(name: str) -> pb.CreateRequest:
            return pb.CreateRequest(urn=URN, properties=to_struct(Properties({"name": name})))

        first = client.Create.future(create("oak"))
        kind.begun.wait()
        second = client.Create.future(create("oak"))
        assert client.Create(create("elm")).id == "shelf-elm"  # not held up by the oaks
        assert not first.done()
        assert not second.done()
        kind.release.set()
        assert first.result().id == second.result().id == "shelf-oak"
    assert kind.most_at_once["oak"] == 1
