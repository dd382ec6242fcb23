"""The front's way to the router: each question gets its own answer, or none, within the limit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery.router.front import AGAIN_SECONDS, MOST_PATIENCE_SECONDS, PATIENCE_SHARE, Patience
from delivery.router.links import Links, Outcome, RouterDeadError, RouterSlowError
from delivery.router.serving import Respond, Server


class Answers:
    """Echoes keys; holds back what begins with `held` until `release`."""

    def __init__(self) -> None:
        self._held: list[tuple[str, Respond]] = []
        self.holds = asyncio.Event()

    def __call__(self, _: str, key: str, respond: Respond) -> bytes | None:
        if not key.startswith("held"):
            return key.encode()
        self._held.append((key, respond))
        self.holds.set()
        return None

    def release(self) -> None:
        for key, respond in self._held:
            respond(key.encode())
        self._held.clear()


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("l") / "s"


@pytest.fixture
async def answers(path: Path) -> AsyncIterator[Answers]:
    found = Answers()
    server = Server(path, found)
    await server.start()
    yield found
    await server.close()


async def ask(links: Links, key: str) -> Outcome:
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    links.ask(f"pool {key}".encode(), outcome.set_result)
    return await outcome


async def test_many_at_once_get_their_own_answers(path: Path, answers: Answers) -> None:
    links = Links(path, 300.0)
    wanted = [f"key{number}" for number in range(50)]
    assert await asyncio.gather(*(ask(links, key) for key in wanted)) == [one.encode() for one in wanted]
    assert await ask(links, "again") == b"again"
    links.close()


async def test_a_late_answer_is_nobodys(path: Path, answers: Answers) -> None:
    patient, hasty = Links(path, 300.0), Links(path, 0.05)
    assert isinstance(await ask(hasty, "held1"), RouterSlowError)
    answers.release()
    assert await ask(patient, "next") == b"next"
    patient.close()
    hasty.close()


async def test_without_anybody_it_is_dead(path: Path) -> None:
    links = Links(path, 300.0)
    assert isinstance(await ask(links, "a"), RouterDeadError)


async def test_who_waits_is_told_when_the_links_are_given_up(path: Path, answers: Answers) -> None:
    links = Links(path, 300.0)
    await ask(links, "opens a link")
    waiting = asyncio.ensure_future(ask(links, "held"))
    await asyncio.sleep(0)
    links.close()
    assert isinstance(await waiting, RouterDeadError)
    assert await ask(links, "b") == b"b"
    links.close()


async def test_questions_of_one_connection_are_answered_in_their_order(path: Path, answers: Answers) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"6:p held,3:p a,3:p b,")
    await answers.holds.wait()
    answers.release()
    assert await reader.readexactly(15) == b"4:held,1:a,1:b,"
    writer.close()


def test_patience_is_bounded_and_comes_back_slowly() -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    count = 0
    while patience.take(AGAIN_SECONDS):
        count += 1
    assert count == pytest.approx(MOST_PATIENCE_SECONDS / AGAIN_SECONDS, abs=1)
    now[0] = 2 * AGAIN_SECONDS / PATIENCE_SHARE
    assert [patience.take(AGAIN_SECONDS) for _ in range(4)].count(True) in (2, 3)
