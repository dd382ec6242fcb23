"""Where alarms go, and a warning before money runs out."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.substrates.aws.cloud import Cloud

FORECAST_PERCENT, SPENT_PERCENT = 80, 100


@dataclass(frozen=True)
class AlarmsArgs:
    """Who is told, and the key that encrypts what is said."""

    address: str
    key_arn: pulumi.Input[str]


class Alarms(pulumi.ComponentResource):
    """A site's topic for alarms and the person behind it."""

    def __init__(self, site: str, args: AlarmsArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Alarms", site)
        inside = cloud.at(site, self)
        topic = aws.sns.Topic(
            site,
            name=f"mtafleet-{cloud.name}-{site}",
            kms_master_key_id=args.key_arn,
            tags=cloud.tags(f"{site}-alarms"),
            opts=inside,
        )
        aws.sns.TopicSubscription(site, topic=topic.arn, protocol="email", endpoint=args.address, opts=inside)
        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})


def budget(cloud: Cloud) -> None:
    """The account's monthly budget, when the environment file has one."""
    dollars = cloud.spec.monthly_budget_dollars
    if dollars is None:
        return
    aws.budgets.Budget(
        "monthly",
        name=f"mtafleet-{cloud.name}",
        account_id=cloud.spec.account,
        budget_type="COST",
        limit_amount=str(dollars),
        limit_unit="USD",
        time_unit="MONTHLY",
        notifications=[
            aws.budgets.BudgetNotificationArgs(
                comparison_operator="GREATER_THAN",
                notification_type=kind,
                threshold=percent,
                threshold_type="PERCENTAGE",
                subscriber_email_addresses=[cloud.spec.alarm_address],
            )
            for kind, percent in (("FORECASTED", FORECAST_PERCENT), ("ACTUAL", SPENT_PERCENT))
        ],
        opts=cloud.at(None),
    )
