"""Session Manager's agent: the commands that install it, and that tell whether it runs.

The program imports this: it loads nothing that goes to machines.
"""

from shlex import join

_URL = "https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_amd64/amazon-ssm-agent.deb"
"""From AWS's own bucket: Debian's images come without it."""

_FETCH = ("curl", "--fail", "--silent", "--show-error", "--connect-timeout", "10")
_AT_FIRST_BOOT = ("--retry", "120", "--retry-delay", "5", "--retry-all-errors")
"""Patient: the machine reaches the internet only once its Elastic IP is bound."""
_LATER = ("--retry", "3", "--max-time", "120")

_PACKAGE = "/run/amazon-ssm-agent.deb"
_INSTALL = (
    "tries=0; until dpkg --install {package}; do "
    "tries=$((tries + 1)); [ $tries -lt 120 ] || exit 1; sleep 5; done"
)
"""dpkg does not wait for its lock, which apt-daily may hold."""

RUNS = "systemctl is-active --quiet amazon-ssm-agent"
"""A shell command that succeeds on a machine whose agent runs, whether AWS lets it connect or not."""


def first_boot(region: str) -> list[list[str]]:
    """The commands that install the agent on a machine that boots for the first time."""
    fetch = [*_FETCH, *_AT_FIRST_BOOT, "--output", _PACKAGE, _URL.format(region=region)]
    return [fetch, ["sh", "-c", _INSTALL.format(package=_PACKAGE)]]


def installing(region: str) -> str:
    """A shell command that has the agent run, and changes nothing where it does."""
    fetch = join([*_FETCH, *_LATER, "--output", _PACKAGE, _URL.format(region=region)])
    install = join(["sh", "-c", _INSTALL.format(package=_PACKAGE)])
    return f"{RUNS} || {{ {fetch} && {install} >&2 && systemctl enable --quiet --now amazon-ssm-agent; }}"
