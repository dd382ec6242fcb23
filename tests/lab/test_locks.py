"""Locks hold even when their file is removed meanwhile, as destroying a lab does."""

import threading
from pathlib import Path

from lab.locks import held


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    inside: list[str] = []
    entered = threading.Event()

    def other() -> None:
        entered.set()
        with held(lock):
            inside.append("other")

    with held(lock):
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        inside.append("first")
    thread.join()
    assert inside == ["first", "other"]


def test_a_removed_lock_file_protects_nobody_twice(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with held(lock):
        lock.unlink()
        with held(lock):  # a new file, hence a new lock
            assert lock.exists()
    with held(lock):
        assert lock.exists()
