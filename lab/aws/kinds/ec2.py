"""What EC2's resource types share: one call describes, tags are given at creation, ids tell the type."""

from collections.abc import Mapping
from typing import Any, ClassVar

from lab.aws.base import Aws, AwsKind, State, Values
from lab.aws.config import ACCOUNT


class Ec2Kind(AwsKind):
    """A type with a `describe_...` call of its own. `fields` maps properties to the answer's names."""

    service = "ec2"
    noun: ClassVar[str] = ""
    """What EC2 calls the type in tag specifications and ARNs."""
    describe: ClassVar[tuple[str, str, str]]
    """The operation, its parameter for ids, and the answer's list."""
    fields: ClassVar[Mapping[str, str]] = {}

    def item(self, aws: Aws, identity: str) -> Any:
        """Return EC2's description of one resource; None when the list is empty."""
        operation, parameter, answer = self.describe
        items = aws(operation, **{parameter: [identity]})[answer]
        return items[0] if items else None

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        item = self.item(aws, identity)
        if item is None or self.ended(item):
            return None
        state: State = {name: item[key] for name, key in self.fields.items() if key in item}
        if self.noun:
            state["arn"] = f"arn:aws:ec2:{aws.region}:{ACCOUNT}:{self.noun}/{identity}"
        state["tags"] = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
        return state | self.more(aws, identity, item, recorded)

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        """Return the properties that are not simply copied."""
        return {}

    def ended(self, item: Any) -> bool:
        """Tell whether EC2 only remembers the resource."""
        return False

    def labels(self, wanted: Values) -> list[dict[str, Any]] | None:
        """Return the tags as a creating call takes them."""
        tags = self.all_tags(wanted)
        if not tags:
            return None
        return [{"ResourceType": self.noun, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        gone = [{"Key": key} for key in actual if key not in wanted]
        new = [{"Key": key, "Value": value} for key, value in wanted.items() if actual.get(key) != value]
        if gone:
            aws("delete_tags", Resources=[identity], Tags=gone)
        if new:
            aws("create_tags", Resources=[identity], Tags=new)
