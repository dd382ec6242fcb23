"""The queue behaves like the deque it stands for, as far as the SDK uses one."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sdk_queue import OutputQueue, quicken
from tests.providerkit.sdk import current_loop


@given(st.lists(st.tuples(st.sampled_from(["append", "remove", "popleft"]), st.integers(0, 5))))
def test_it_agrees_with_a_deque(steps: list[tuple[str, int]]) -> None:
    ours: OutputQueue[int] = OutputQueue(iter(()))
    theirs: deque[int] = deque()
    for step, element in steps:
        if step == "append" and element in theirs:
            continue  # an output is never listed twice
        arguments = () if step == "popleft" else (element,)
        try:
            expected = getattr(theirs, step)(*arguments)
        except (ValueError, IndexError) as error:
            with pytest.raises(type(error)):
                getattr(ours, step)(*arguments)
        else:
            assert getattr(ours, step)(*arguments) == expected
        assert len(ours) == len(theirs)


def test_the_sdk_takes_it() -> None:
    from pulumi.runtime.settings import SETTINGS  # noqa: PLC0415

    with current_loop():
        before = SETTINGS.outputs
        try:
            quicken()
            assert isinstance(SETTINGS.outputs, OutputQueue)
            assert len(SETTINGS.outputs) == len(before)
        finally:
            SETTINGS.outputs = before
