"""Rules that need more than one value of the environment file at a time.

Each rule is a small function that yields what it finds; each finding names the key to blame, what
is wrong and what would be right. Rules do not depend on each other's outcome.
"""

from collections.abc import Callable, Iterator

from fleet.spec import (
    rules_addresses,
    rules_aws,
    rules_mail,
    rules_names,
    rules_operation,
    rules_store,
    rules_substrate,
)
from fleet.spec.finding import Finding
from fleet.spec.models import Environment

Rule = Callable[[Environment], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    *rules_addresses.RULES,
    *rules_names.RULES,
    *rules_mail.RULES,
    *rules_operation.RULES,
    *rules_store.RULES,
    *rules_substrate.RULES,
    *rules_aws.RULES,
)


def findings(environment: Environment) -> Iterator[Finding]:
    """Everything any rule has to say against `environment`."""
    for rule in RULES:
        yield from rule(environment)
