"""The world machine's systemd units. They hold no fleet data: that comes by `DATA_DIRECTORY/world.json`.

Rendered configuration lives in /run/mtafleet-world and is made anew at each boot.
"""

from lab.world.spec import CODE_DIRECTORY, DATA_DIRECTORY

RUN_DIRECTORY = "/run/mtafleet-world"
NAME_SERVERS = ("root", "tld", "isp")
"""Each is a Knot of its own, so that resolvers walk real referrals from the root down."""

_APPLY_PATH = f"""\
[Unit]
Description=Watch for a new description of the simulated internet

[Path]
PathChanged={DATA_DIRECTORY}/world.json
Unit=mtafleet-world-apply.service

[Install]
WantedBy=multi-user.target
"""

_APPLY = f"""\
[Unit]
Description=Bring the simulated internet in line with its description
ConditionPathExists={DATA_DIRECTORY}/world.json
StartLimitIntervalSec=0

[Service]
Type=oneshot
Environment=PYTHONPATH={CODE_DIRECTORY} PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m lab.world.apply

[Install]
WantedBy=multi-user.target
"""

_KNOT = f"""\
[Unit]
Description=Simulated internet: name servers, %i level
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=/usr/sbin/knotd -c {RUN_DIRECTORY}/knot-%i/knot.conf
ExecReload=/usr/sbin/knotc -c {RUN_DIRECTORY}/knot-%i/knot.conf reload
Restart=on-failure
RestartSec=200ms
"""

_RESOLVER = f"""\
[Unit]
Description=Simulated internet: resolver of the ISPs and of the certificate authority
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=/usr/sbin/unbound -d -p -c {RUN_DIRECTORY}/unbound.conf
Restart=on-failure
RestartSec=200ms
"""

_PEBBLE = f"""\
[Unit]
Description=Simulated internet: ACME certificate authority
StartLimitIntervalSec=0

[Service]
Type=simple
Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0
Environment=PYTHONPATH={CODE_DIRECTORY} PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/pebble -config {RUN_DIRECTORY}/pebble.json -dnsserver 127.0.0.1:53
ExecStartPost=/usr/bin/python3 -m lab.world.trust {DATA_DIRECTORY}
Restart=on-failure
RestartSec=200ms
"""

_ISPS = f"""\
[Unit]
Description=Simulated internet: mailbox providers
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=PYTHONPATH={CODE_DIRECTORY} PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m lab.world.daemon {DATA_DIRECTORY} {RUN_DIRECTORY}
ExecReload=/bin/kill -HUP $MAINPID
LimitNOFILE=65536
Restart=on-failure
RestartSec=200ms
"""

UNITS = {
    "mtafleet-world-apply.path": _APPLY_PATH,
    "mtafleet-world-apply.service": _APPLY,
    "mtafleet-world-knot@.service": _KNOT,
    "mtafleet-world-resolver.service": _RESOLVER,
    "mtafleet-world-acme.service": _PEBBLE,
    "mtafleet-world-isps.service": _ISPS,
}

ENABLED = {
    "mtafleet-world-apply.path": "multi-user.target",
    "mtafleet-world-apply.service": "multi-user.target",
}
"""Unit and the target that wants it. Applying starts all others, once they have a configuration."""
