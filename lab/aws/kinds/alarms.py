"""SNS topics and who hears them, CloudWatch alarms, and budgets."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lab.aws.api import found
from lab.aws.base import Aws, AwsKind, State, Values, text_of
from lab.aws.config import ACCOUNT

_TOPIC = {"displayName": "DisplayName", "policy": "Policy", "kmsMasterKeyId": "KmsMasterKeyId"}


class _ByArn(AwsKind):
    """A type whose tags are kept by ARN, under the parameter `arn_parameter`."""

    arn_parameter = "ResourceArn"

    def labels(self, wanted: Values) -> list[dict[str, str]] | None:
        return [{"Key": k, "Value": v} for k, v in self.all_tags(wanted).items()] or None

    def arn_of(self, identity: str, region: str) -> str:
        return identity

    def tags_of(self, aws: Aws, identity: str) -> dict[str, str]:
        arn = self.arn_of(identity, aws.region)
        answer = aws("list_tags_for_resource", **{self.arn_parameter: arn})
        return {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or answer.get("ResourceTags") or []}

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        arn = {self.arn_parameter: self.arn_of(identity, aws.region)}
        gone = [key for key in actual if key not in wanted]
        if gone:
            aws("untag_resource", **arn, TagKeys=gone)
        if wanted:
            aws("tag_resource", **arn, Tags=[{"Key": k, "Value": v} for k, v in wanted.items()])


class Topic(_ByArn):
    """A topic; its id is its ARN."""

    resource_type = "aws:sns/topic:Topic"
    service = "sns"
    served = frozenset({"name", "tags", *_TOPIC})
    replaces = frozenset({"name"})
    settled = frozenset({"policy", "namePrefix", "signatureVersion", "tracingConfig"})
    documents = frozenset({"policy"})
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        attributes = {key: str(wanted[name]) for name, key in _TOPIC.items() if name in wanted}
        identity: str = aws(
            "create_topic", Name=wanted["name"], Attributes=attributes or None, Tags=self.labels(wanted)
        )["TopicArn"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        attributes = aws("get_topic_attributes", TopicArn=identity)["Attributes"]
        state: State = {name: attributes[key] for name, key in _TOPIC.items() if attributes.get(key)}
        return state | {
            "arn": identity,
            "name": identity.rpartition(":")[2],
            "owner": attributes.get("Owner", ACCOUNT),
            "tags": self.tags_of(aws, identity),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        for name in sorted(names & _TOPIC.keys()):
            value = wanted.get(name, "")
            aws("set_topic_attributes", TopicArn=identity, AttributeName=_TOPIC[name], AttributeValue=value)
        super().change(aws, identity, wanted, actual, names - _TOPIC.keys())

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_topic", TopicArn=identity)


class TopicPolicy(AwsKind):
    """Who may speak on a topic. Deleting it gives the topic its owner's policy back."""

    resource_type = "aws:sns/topicPolicy:TopicPolicy"
    service = "sns"
    served = frozenset({"arn", "policy"})
    replaces = frozenset({"arn"})
    documents = frozenset({"policy"})

    def make(self, aws: Aws, wanted: Values) -> str:
        self._put(aws, wanted["arn"], text_of(wanted["policy"]))
        identity: str = wanted["arn"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        attributes = aws("get_topic_attributes", TopicArn=identity)["Attributes"]
        return {
            "arn": identity,
            "policy": attributes.get("Policy"),
            "owner": attributes.get("Owner", ACCOUNT),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        owner = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "sns:*",
                    "Resource": identity,
                }
            ],
        }
        self._put(aws, identity, json.dumps(owner))

    def _put(self, aws: Aws, topic: str, policy: str) -> None:
        aws("set_topic_attributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


_SUBSCRIPTION = {
    "rawMessageDelivery": "RawMessageDelivery",
    "filterPolicy": "FilterPolicy",
    "deliveryPolicy": "DeliveryPolicy",
}


class TopicSubscription(AwsKind):
    """Who hears a topic; its id is its ARN."""

    resource_type = "aws:sns/topicSubscription:TopicSubscription"
    service = "sns"
    served = frozenset({"topic", "protocol", "endpoint", *_SUBSCRIPTION})
    replaces = frozenset({"topic", "protocol", "endpoint"})
    settled = frozenset({"filterPolicyScope"})
    defaults = {"rawMessageDelivery": False}
    documents = frozenset({"filterPolicy", "deliveryPolicy"})

    def make(self, aws: Aws, wanted: Values) -> str:
        given = {key: _text(wanted[name]) for name, key in _SUBSCRIPTION.items() if name in wanted}
        identity: str = aws(
            "subscribe",
            TopicArn=wanted["topic"],
            Protocol=wanted["protocol"],
            Endpoint=wanted["endpoint"],
            Attributes=given or None,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        attributes = aws("get_subscription_attributes", SubscriptionArn=identity)["Attributes"]
        return {
            "arn": identity,
            "topic": attributes["TopicArn"],
            "protocol": attributes["Protocol"],
            "endpoint": attributes["Endpoint"],
            "ownerId": attributes.get("Owner", ACCOUNT),
            "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
            "rawMessageDelivery": attributes.get("RawMessageDelivery") == "true",
            "filterPolicy": attributes.get("FilterPolicy"),
            "deliveryPolicy": attributes.get("DeliveryPolicy"),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        for name in sorted(names & _SUBSCRIPTION.keys()):
            aws(
                "set_subscription_attributes",
                SubscriptionArn=identity,
                AttributeName=_SUBSCRIPTION[name],
                AttributeValue=_text(wanted.get(name, self.defaults.get(name, ""))),
            )

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("unsubscribe", SubscriptionArn=identity)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_ALARM = {
    "name": "AlarmName",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "evaluationPeriods": "EvaluationPeriods",
    "datapointsToAlarm": "DatapointsToAlarm",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
    "actionsEnabled": "ActionsEnabled",
}


class MetricAlarm(_ByArn):
    """An alarm on one metric; its id is its name."""

    resource_type = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service = "cloudwatch"
    arn_parameter = "ResourceARN"
    served = frozenset({"dimensions", "tags", *_ALARM})
    replaces = frozenset({"name"})
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    sets = frozenset({"alarmActions", "okActions", "insufficientDataActions"})
    named = "name"

    def arn_of(self, identity: str, region: str) -> str:
        return f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{identity}"

    def make(self, aws: Aws, wanted: Values) -> str:
        dimensions = [
            {"Name": name, "Value": value} for name, value in (wanted.get("dimensions") or {}).items()
        ]
        given = {key: wanted.get(name, self.defaults.get(name)) for name, key in _ALARM.items()}
        aws("put_metric_alarm", Dimensions=dimensions, Tags=self.labels(wanted), **given)
        identity: str = wanted["name"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        alarms = aws("describe_alarms", AlarmNames=[identity])["MetricAlarms"]
        if not alarms:
            return None
        state: State = {
            name: alarms[0][key] for name, key in _ALARM.items() if alarms[0].get(key) is not None
        }
        state["dimensions"] = {one["Name"]: one["Value"] for one in alarms[0].get("Dimensions", [])} or None
        state["treatMissingData"] = state.get("treatMissingData") or "missing"
        return state | {"arn": alarms[0]["AlarmArn"], "tags": self.tags_of(aws, identity)}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names - {"tags"}:
            self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_alarms", AlarmNames=[identity])


class Budget(_ByArn):
    """A limit on costs that sends notifications; its id reads `ACCOUNT:NAME`."""

    resource_type = "aws:budgets/budget:Budget"
    service = "budgets"
    arn_parameter = "ResourceARN"
    served = frozenset(
        {
            "accountId",
            "name",
            "budgetType",
            "timeUnit",
            "limitAmount",
            "limitUnit",
            "costFilters",
            "notifications",
            "timePeriodStart",
            "tags",
        }
    )
    replaces = frozenset({"name", "accountId"})
    settled = frozenset(
        {"accountId", "costFilters", "costTypes", "limitAmount", "limitUnit", "namePrefix", "timePeriodStart"}
        | {"timePeriodEnd", "metrics", "billingViewArn", "filterExpression"}
    )
    sets = frozenset({"notifications", "costFilters"})
    unread = frozenset({"timePeriodStart", "costFilters"})
    named = "name"

    def arn_of(self, identity: str, region: str) -> str:
        return f"arn:aws:budgets::{ACCOUNT}:budget/{identity.partition(':')[2]}"

    def make(self, aws: Aws, wanted: Values) -> str:
        aws(
            "create_budget",
            AccountId=ACCOUNT,
            Budget=_budget(wanted),
            NotificationsWithSubscribers=[_notified(one) for one in wanted.get("notifications") or []],
            ResourceTags=self.labels(wanted),
        )
        return f"{ACCOUNT}:{wanted['name']}"

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        name = identity.partition(":")[2]
        budget = aws("describe_budget", AccountId=ACCOUNT, BudgetName=name)["Budget"]
        limit = budget.get("BudgetLimit", {})
        return {
            "name": name,
            "accountId": ACCOUNT,
            "arn": self.arn_of(identity, aws.region),
            "budgetType": budget["BudgetType"],
            "timeUnit": budget["TimeUnit"],
            "limitAmount": _amount(limit.get("Amount"), recorded.get("limitAmount")),
            "limitUnit": limit.get("Unit"),
            "notifications": _notifications(aws, name),
            "tags": found(lambda: self.tags_of(aws, identity)) or {},
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names - {"tags", "notifications"}:
            aws("update_budget", AccountId=ACCOUNT, NewBudget=_budget(wanted))
        if "notifications" in names:
            name = {"AccountId": ACCOUNT, "BudgetName": wanted["name"]}
            for one in actual.get("notifications") or []:
                aws("delete_notification", **name, Notification=_notified(one)["Notification"])
            for one in wanted.get("notifications") or []:
                aws("create_notification", **name, **_notified(one))

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_budget", AccountId=ACCOUNT, BudgetName=identity.partition(":")[2])


def _budget(wanted: Values) -> dict[str, Any]:
    budget: dict[str, Any] = {
        "BudgetName": wanted["name"],
        "BudgetType": wanted["budgetType"],
        "TimeUnit": wanted["timeUnit"],
    }
    if "limitAmount" in wanted:
        budget["BudgetLimit"] = {"Amount": wanted["limitAmount"], "Unit": wanted["limitUnit"]}
    if "costFilters" in wanted:
        budget["CostFilters"] = {one["name"]: one["values"] for one in wanted["costFilters"]}
    return budget


def _amount(actual: str | None, recorded: str | None) -> str | None:
    """Return the amount as recorded when it is the same number: `50` and `50.0` are."""
    if actual and recorded and Decimal(actual) == Decimal(recorded):
        return recorded
    return actual


def _notified(one: Values) -> dict[str, Any]:
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, name in (("EMAIL", "subscriberEmailAddresses"), ("SNS", "subscriberSnsTopicArns"))
        for address in one.get(name) or []
    ]
    return {
        "Notification": {
            "NotificationType": one["notificationType"],
            "ComparisonOperator": one["comparisonOperator"],
            "Threshold": one["threshold"],
            "ThresholdType": one["thresholdType"],
        },
        "Subscribers": subscribers,
    }


def _notifications(aws: Aws, name: str) -> list[State]:
    budget = {"AccountId": ACCOUNT, "BudgetName": name}
    listed = []
    for one in aws("describe_notifications_for_budget", **budget).get("Notifications", []):
        asked = {
            key: one[key] for key in ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
        }
        heard = aws("describe_subscribers_for_notification", **budget, Notification=asked)["Subscribers"]
        by_kind = {
            kind: sorted(each["Address"] for each in heard if each["SubscriptionType"] == kind)
            for kind in ("EMAIL", "SNS")
        }
        state: State = {
            "notificationType": one["NotificationType"],
            "comparisonOperator": one["ComparisonOperator"],
            "threshold": one["Threshold"],
            "thresholdType": one["ThresholdType"],
            "subscriberEmailAddresses": by_kind["EMAIL"],
            "subscriberSnsTopicArns": by_kind["SNS"],
        }
        listed.append({key: value for key, value in state.items() if value != []})
    return listed
