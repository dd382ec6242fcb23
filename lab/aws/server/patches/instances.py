"""Instances: interfaces that outlive them come free, and serve one instance at a time."""

import copy
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance

from lab.aws.server.patches.put import put


def mend() -> None:
    put(Instance, terminate=_freeing(Instance.terminate), attach_eni=_exclusive(Instance.attach_eni))


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
