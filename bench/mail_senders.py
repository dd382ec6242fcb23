"""The senders of the mail comparison: the same for either side, but for where they submit."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.mail_figures import FLEET, Layout, Round
from bench.mail_round import run_round
from bench.plain import Plain
from cli.labs.mail import (
    SMTPS_PORT,
    ledger_directory,
    new_run,
    send_order,
    sender_process,
    stack_password,
    submitter,
)
from fleet.spec.models import Environment
from lab.ids import LabPaths
from lab.mail.process import SendOrder, SendProcess
from lab.mail.sender import Plan
from lab.world import geography, install
from lab.world.trust import trusted_pem

STREAM = "transactional"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: how many rounds of how many messages, and how they are handed over."""

    environment: Environment
    paths: LabPaths
    layout: Layout
    rounds: int
    count: int
    sessions: int
    messages_per_session: int
    mix: str
    helo: str
    """The application host's name, which greets."""

    @property
    def data(self) -> Path:
        return self.paths.shared / "world"

    def order(self, side: str, plain: Plain, count: int, seed: int) -> SendOrder:
        """The same senders with the same letters for either side."""
        letter = "f" if side == FLEET else "p"
        plan = Plan(
            run=f"{new_run(time.time())}{letter}",
            stream=STREAM,
            sender=submitter(self.environment, STREAM)[1] if side == FLEET else plain.sender,
            via="sidecar" if side == FLEET else "direct",
            count=count,
            messages_per_second=None,
            sessions=self.sessions,
            messages_per_session=self.messages_per_session,
        )
        if side == FLEET:
            password = stack_password(self.environment.environment)
            made = send_order(self.environment, password, self.paths, plan, self.mix, SMTPS_PORT)
            return replace(made, seed=seed)
        return SendOrder(
            plan=plan,
            name=plain.name,
            port=SMTPS_PORT,
            implicit_tls=True,
            helo=self.helo,
            user=plain.user,
            password=plain.password,
            trusted_pem=trusted_pem(self.data),
            address=plain.address,
            resolver=str(geography.RESOLVER_ADDRESS),
            mix=self.mix,
            seed=seed,
            records=str(ledger_directory(self.environment.environment) / f"{plan.run}.jsonl"),
        )

    def sender(self, order: SendOrder) -> SendProcess:
        return sender_process(self.environment, self.paths, order)

    def run(self, side: str, plain: Plain, count: int, seed: int) -> Round:
        order = self.order(side, plain, count, seed)
        return run_round(side, order, self.sender, self.paths, self.layout, self.data / install.EVENTS)
