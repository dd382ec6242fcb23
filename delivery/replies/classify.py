"""What a reply means: the first rule of its ISP that knows it, else the first of the default entry."""

from collections.abc import Mapping, Sequence
from functools import cache

from delivery.model import Action, Category, Meaning, Reply, Scope
from delivery.replies.rules import Asked, CompiledRule, kind_of, kinds
from fleet.catalogue import DEFAULT_ISP, Catalogue

UNKNOWN_RULE = "unknown"

_UNKNOWN: Mapping[str, Meaning] = {
    "temporary": Meaning(UNKNOWN_RULE, Category.ISP_TROUBLE, Scope.RECEIVER, (Action.RETRY,)),
    "permanent": Meaning(UNKNOWN_RULE, Category.POLICY, Scope.MESSAGE, (Action.GIVE_UP,)),
    "none": Meaning(UNKNOWN_RULE, Category.NETWORK, Scope.RECEIVER, (Action.RETRY,)),
}
"""What the class of a reply alone tells: enough to go on, too little to judge an address by."""


class Classifier:
    """The rules of a catalogue, ready to be asked; keeps nothing else and may be shared."""

    def __init__(self, catalogue: Catalogue) -> None:
        default = catalogue.default.replies
        generic = [CompiledRule.of(DEFAULT_ISP, rule) for rule in default]
        self._rules: dict[str, dict[str, tuple[CompiledRule, ...]]] = {}
        for name, isp in catalogue.isps.items():
            own = [] if name == DEFAULT_ISP else [CompiledRule.of(name, rule) for rule in isp.replies]
            self._rules[name] = _by_kind([*own, *generic])

    def classify(self, isp: str, reply: Reply) -> Meaning:
        """What `reply` means at `isp`, a name of the catalogue; other names count as the default.

        When no rule knows the reply, `rule` is `UNKNOWN_RULE` and the rest follows from its class.
        """
        found = self.rule(isp, reply)
        return _UNKNOWN[kind_of(reply.code)] if found is None else found.meaning

    def rule(self, isp: str, reply: Reply) -> CompiledRule | None:
        """The rule that knows the reply, if one does."""
        asked = Asked.of(reply)
        rules = self._rules.get(isp) or self._rules[DEFAULT_ISP]
        for one in rules[kind_of(reply.code)]:
            if one.knows(asked):
                return one
        return None


def classify(isp: str, reply: Reply) -> Meaning:
    """The same by the shipped catalogue."""
    return shipped_classifier().classify(isp, reply)


@cache
def shipped_classifier() -> Classifier:
    """Over the catalogue that comes with the code; read and made ready once."""
    return Classifier(Catalogue.load())


def _by_kind(rules: Sequence[CompiledRule]) -> dict[str, tuple[CompiledRule, ...]]:
    return {
        kind: tuple(one for one in rules if kind in kinds(one.rule.when))
        for kind in ("temporary", "permanent", "none")
    }
