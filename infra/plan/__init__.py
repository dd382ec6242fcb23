"""What a run of the engine would change, and whether it may: read from a preview, judged before `up`."""

from infra.plan.events import read_events
from infra.plan.guard import Refusal, refusals
from infra.plan.model import Change, Kind, Plan, PlanError

__all__ = ["Change", "Kind", "Plan", "PlanError", "Refusal", "read_events", "refusals"]
