"""Instances: their interfaces outlive them, serve one at a time and have security groups of their own."""

import copy
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance, InstanceBackend

from lab.aws.server.patches.put import put


def mend() -> None:
    put(Instance, terminate=_freeing(Instance.terminate), attach_eni=_exclusive(Instance.attach_eni))
    put(NetworkInterface, group_set=property(lambda interface: list(interface._group_set)))
    put(
        InstanceBackend,
        modify_instance_security_groups=_through(InstanceBackend.modify_instance_security_groups),
    )


def _freeing(terminate: Any) -> Any:
    def freeing(instance: Any) -> Any:
        before = terminate(instance)
        # A terminated instance is described for a while, with the addresses it had.
        kept, instance.nics = instance.nics, {at: copy.copy(nic) for at, nic in instance.nics.items()}
        for interface in [*kept.values(), *instance.nics.values()]:
            interface.instance = interface.attachment_id = interface.attach_time = None
            interface.status = "available"
        return before

    return freeing


def _exclusive(attach: Any) -> Any:
    def exclusive(instance: Any, interface: Any, device_index: int) -> Any:
        if interface.attachment_id:
            raise EC2ClientError("InvalidNetworkInterface.InUse", f"{interface.id} is in use")
        return attach(instance, interface, device_index)

    return exclusive


def _through(modify: Any) -> Any:
    """An instance's groups are those of its first interface."""

    def through(backend: Any, instance_id: str, groups: list[str]) -> Any:
        instance = modify(backend, instance_id, groups)
        instance.nics[0]._group_set = instance.security_groups
        return instance

    return through
