"""One line that counts: rewritten in place on a terminal, a line every tenth in a log."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Progress"]


class Progress:
    """Counts steps towards `total`; both `label` and `total` may change on the way."""

    def __init__(self, label: str, stream: TextIO = sys.stderr) -> None:
        self.total = 0
        self._label = label
        self._stream = stream
        self._terminal = stream.isatty()
        self._done = 0
        self._tenths_shown = 0
        self._started = time.monotonic()

    @property
    def label(self) -> str:
        """What is going on now."""
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        self._label = value
        self._show(force=True)

    def advance(self) -> None:
        """One step is done."""
        self._done += 1
        self._show()

    def _show(self, *, force: bool = False) -> None:
        percent = min(99, 100 * self._done // self.total) if self.total else 0
        if self._terminal:
            self._stream.write(f"\r\033[K{self._label}: {percent} %")
            self._stream.flush()
        elif force or percent // 10 > self._tenths_shown:
            self._tenths_shown = percent // 10
            print(f"{self._label}: {percent} %", file=self._stream, flush=True)

    def __enter__(self) -> Self:
        self._show(force=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._started
        ending = "failed" if error else f"done in {seconds:.0f} s"
        lead = "\r\033[K" if self._terminal else ""
        print(f"{lead}{self._label}: {ending}", file=self._stream, flush=True)
