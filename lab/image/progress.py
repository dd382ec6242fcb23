"""What the image builder prints, turned into what a person wants to read."""

import re

_STAGES = {
    "running apt-get update": "fetching package lists",
    "downloading packages with apt": "downloading packages",
    "extracting archives": "unpacking the base system",
    "installing essential packages": "installing the base system",
    "installing remaining packages inside the chroot": "installing mail, DNS and TLS software",
    "cleaning package lists and apt cache": "cleaning up",
}
_TO_INSTALL = re.compile(r"^\d+ upgraded, (\d+) newly installed")
_STEPS = ("Unpacking ", "Setting up ")
_STEP_PERCENT = 20


class Progress:
    """Follows a build line by line; the share of packages installed is told in steps of 20 %."""

    def __init__(self) -> None:
        self._packages = 0
        self._done = 0
        self._told_percent = 0

    def feed(self, line: str) -> str | None:
        """The text to show for this line of output, None for most lines."""
        stage = _STAGES.get(line.removeprefix("I: ").strip().rstrip("."))
        if stage:
            return stage
        announced = _TO_INSTALL.match(line)
        if announced:
            self._packages, self._done, self._told_percent = int(announced[1]), 0, 0
        elif line.startswith(_STEPS):
            self._done += 1
            return self._share()
        return None

    def _share(self) -> str | None:
        steps = max(self._packages * len(_STEPS), self._done)
        percent = 100 * self._done // steps
        if percent < self._told_percent + _STEP_PERCENT:
            return None
        self._told_percent = percent - percent % _STEP_PERCENT
        return f"{self._told_percent} % of {self._packages} packages"
