"""Budgets: updates, who is notified, and tags."""

import json
from typing import Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse

from lab.aws.server.patches.put import put


def mend() -> None:
    put(
        BudgetsResponse,
        create_budget=_create,
        update_budget=_update,
        describe_subscribers_for_notification=_subscribers,
        list_tags_for_resource=_list_tags,
        tag_resource=_tag,
        untag_resource=_untag,
    )


def _budget(response: Any, name: str) -> Any:
    backend: BudgetsBackend = response.backend
    budget = backend.budgets[response.current_account].get(name)
    if budget is None:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget


def _create(response: Any) -> str:
    account, budget = response._get_param("AccountId"), response._get_param("Budget")
    response.backend.create_budget(account, budget, response._get_param("NotificationsWithSubscribers", []))
    tags = response._get_param("ResourceTags") or []
    _budget(response, budget["BudgetName"]).tags = {tag["Key"]: tag["Value"] for tag in tags}
    return "{}"


def _update(response: Any) -> str:
    new = response._get_param("NewBudget")
    budget = _budget(response, new["BudgetName"])
    budget.budget = {**budget.budget, **new}
    return "{}"


def _subscribers(response: Any) -> str:
    budget = _budget(response, response._get_param("BudgetName"))
    asked = response._get_param("Notification")
    for one in budget.notifications:
        if asked.items() <= one.details.items():
            return json.dumps({"Subscribers": one.subscribers})
    raise NotFoundException("the notification doesn't exist.")


def _by_arn(response: Any) -> Any:
    return _budget(response, response._get_param("ResourceARN").rpartition("/")[2])


def _list_tags(response: Any) -> str:
    tags = getattr(_by_arn(response), "tags", {})
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def _tag(response: Any) -> str:
    budget = _by_arn(response)
    new = {tag["Key"]: tag["Value"] for tag in response._get_param("ResourceTags")}
    budget.tags = {**getattr(budget, "tags", {}), **new}
    return "{}"


def _untag(response: Any) -> str:
    budget = _by_arn(response)
    gone = set(response._get_param("ResourceTagKeys"))
    budget.tags = {key: value for key, value in budget.tags.items() if key not in gone}
    return "{}"
