"""What is in the machine image. Its id is a digest of this data, so any change makes a new image."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

FORMAT = 1
"""Raise when the way a recipe is carried out changes, so that old images are not taken for new ones."""

SYSTEM = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "systemd",
    "systemd-sysv",
)
STORE = ("nats-server",)
MAIL = ("dovecot-core", "haproxy", "postfix", "postfix-pcre", "rspamd")
NAMES_AND_CERTIFICATES = ("dns-root-data", "knot", "knot-dnsutils", "lego", "openssl", "pebble", "unbound")
WORLD = (
    "python3-cryptography",
    "python3-dkim",
    "python3-dnspython",
    "python3-pydantic",
    "python3-structlog",
    "python3-uvloop",
    "python3-yaml",
)

NEVER_INSTALLED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
)

USELESS_IN_A_LAB = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty.target",
    "ldconfig.service",
    "sshd-keygen.service",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-networkd.service",
    "systemd-pstore.service",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
)
"""Units that cost time at every boot or wake up later, and do nothing a mail node needs here."""

_PRESET = "enable ssh.service\ndisable *\n"

_SSH = """\
# Keys only; the lab's operator looks in often and from one address, so no penalties and no look-ups.
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
PerSourcePenalties no
MaxStartups 200
MaxSessions 100
"""

_JOURNAL = """\
[Journal]
Storage=persistent
SystemMaxUse=64M
RateLimitIntervalSec=0
Audit=no
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what an image holds."""

    suite: str = "trixie"
    mirror: str = "http://deb.debian.org/debian"
    security_mirror: str = "http://deb.debian.org/debian-security"
    packages: tuple[str, ...] = SYSTEM + STORE + MAIL + NAMES_AND_CERTIFICATES + WORLD
    never_installed: tuple[str, ...] = NEVER_INSTALLED
    masked_units: tuple[str, ...] = USELESS_IN_A_LAB
    files: dict[str, str] = field(
        default_factory=lambda: {
            "etc/systemd/system-preset/00-mtafleet-lab.preset": _PRESET,
            "etc/ssh/sshd_config.d/50-mtafleet-lab.conf": _SSH,
            "etc/systemd/journald.conf.d/50-mtafleet-lab.conf": _JOURNAL,
            "etc/default/locale": "LANG=C.UTF-8\n",
            "etc/motd": "",
        }
    )
    format: int = FORMAT

    def sources(self) -> str:
        """The lines of an apt sources.list; every archive must carry Debian's signature."""
        signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        return (
            f"deb {signed} {self.mirror} {self.suite} main\n"
            f"deb {signed} {self.mirror} {self.suite}-updates main\n"
            f"deb {signed} {self.security_mirror} {self.suite}-security main\n"
        )

    def image_id(self) -> str:
        """`<suite>-<12 hex digits>`, the same wherever the recipe is the same."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.suite}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
