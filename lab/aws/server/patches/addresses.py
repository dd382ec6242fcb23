"""Addresses: one Elastic IP per private address, reverse names, private addresses used once."""

import itertools
from ipaddress import ip_address, ip_network
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import elastic_ip_addresses
from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_eip_association_id
from moto.route53.models import route53_backends

from lab.aws.server.patches.put import put

_PUBLIC = ip_network("198.18.0.0/15")
"""Where public addresses come from, one after the other: a range nobody on the internet uses (RFC 2544)."""
_numbers = itertools.count(1)


def mend() -> None:
    put(elastic_ip_addresses, random_ip=lambda: str(_PUBLIC[next(_numbers) % _PUBLIC.num_addresses]))
    put(ElasticAddress, private_ip_address=property(_private_address))
    put(ElasticAddressBackend, disassociate_address=_disassociate)
    put(
        EC2Response,
        associate_address=_associate,
        modify_address_attribute=_modify_attribute,
        reset_address_attribute=_reset_attribute,
        describe_addresses_attribute=_describe_attribute,
    )
    put(
        NetworkInterfaceBackend,
        create_network_interface=_checked_create(NetworkInterfaceBackend.create_network_interface),
        assign_private_ip_addresses=_checked_assign(NetworkInterfaceBackend.assign_private_ip_addresses),
    )


# --- Elastic IPs. Moto knows one per interface; AWS one per private address.


def _private_address(address: Any) -> str | None:
    if address.eni is None:
        return None
    own: str | None = getattr(address, "private_address", None)
    return own or address.eni.private_ip_address


def _associate(response: Any) -> ActionResult:
    backend = response.ec2_backend
    interface = _interface(response)
    address = _address(response)
    private = response._get_param("PrivateIpAddress") or interface.private_ip_address
    held = {one["PrivateIpAddress"] for one in interface.private_ip_addresses}
    if private not in held:
        raise EC2ClientError("InvalidParameterValue", f"{private} is not an address of {interface.id}")
    again = str(response._get_param("AllowReassociation", False)).lower() == "true"
    others = [
        one
        for one in backend.addresses
        if one is not address and one.eni is interface and _private_address(one) == private
    ]
    same_place = address.eni is interface and _private_address(address) == private
    if not again and (others or (address.association_id and not same_place)):
        taken = address.association_id or others[0].association_id
        raise EC2ClientError(
            "Resource.AlreadyAssociated", f"already associated ({taken}): {address.public_ip}, {private}"
        )
    for one in others:
        _release(one)
    if not (same_place and address.association_id):
        _release(address)
        address.association_id = random_eip_association_id()
    address.eni, address.instance, address.private_address = interface, interface.instance, private
    if private == interface.private_ip_address:
        interface.public_ip = address.public_ip
    return ActionResult({"AssociationId": address.association_id})


def _interface(response: Any) -> Any:
    named = response._get_param("NetworkInterfaceId")
    if named:
        return response.ec2_backend.get_network_interface(named)
    instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
    return instance.nics[0]


def _address(response: Any) -> Any:
    allocation = response._get_param("AllocationId")
    if allocation:
        return response.ec2_backend.address_by_allocation([allocation])[0]
    return response.ec2_backend.address_by_ip([response._get_param("PublicIp")])[0]


def _disassociate(backend: Any, address: str | None = None, association_id: str | None = None) -> None:
    if association_id:
        _release(backend.address_by_association([association_id])[0])
    else:
        _release(backend.address_by_ip([address])[0])


def _release(address: Any) -> None:
    if address.eni is not None and address.eni.public_ip == address.public_ip:
        address.eni.public_ip = None
    address.eni = address.instance = address.association_id = address.private_address = None


# --- Reverse names. Moto has none.


def _modify_attribute(response: Any) -> ActionResult:
    address = response.ec2_backend.address_by_allocation([response._get_param("AllocationId")])[0]
    name = response._get_param("DomainName").rstrip(".")
    if not _resolves(name, address.public_ip, response.current_account):
        raise EC2ClientError(
            "InvalidParameterValue",
            f"the address record of {name} does not lead to {address.public_ip}; it must, before this",
        )
    address.pointer = f"{name}."
    return ActionResult({"Address": _attribute(address)})


def _resolves(name: str, address: str, account: str) -> bool:
    """Tell whether a hosted zone of the simulated AWS leads `name` to `address`."""
    return any(
        record.type == "A" and record.name.rstrip(".") == name and address in record.records
        for zone in route53_backends[account]["aws"].zones.values()
        for record in zone.rrsets
    )


def _reset_attribute(response: Any) -> ActionResult:
    address = response.ec2_backend.address_by_allocation([response._get_param("AllocationId")])[0]
    address.pointer = None
    return ActionResult({"Address": _attribute(address)})


def _describe_attribute(response: Any) -> ActionResult:
    chosen = response._get_param("AllocationIds", [])
    addresses = response.ec2_backend.describe_addresses(chosen)
    return ActionResult({"Addresses": [_attribute(one) for one in addresses]})


def _attribute(address: Any) -> dict[str, str]:
    known = {"PublicIp": address.public_ip, "AllocationId": address.allocation_id}
    pointer = getattr(address, "pointer", None)
    return {**known, "PtrRecord": pointer} if pointer else known


# --- Private addresses. Moto hands out any address as often as one likes.


def _checked_create(create: Any) -> Any:
    def checked(
        backend: Any,
        subnet: Any,
        private_ip_address: Any,
        private_ip_addresses: Any = None,
        *rest: Any,
        **others: Any,
    ) -> Any:
        network = subnet if not isinstance(subnet, str) else backend.get_subnet(subnet)
        wanted = [_plain(one) for one in (private_ip_addresses or [])]
        if isinstance(private_ip_address, str) and private_ip_address:
            wanted.append(private_ip_address)
        _refuse_taken(backend, network, set(wanted))
        return create(backend, subnet, private_ip_address, private_ip_addresses, *rest, **others)

    return checked


def _checked_assign(assign: Any) -> Any:
    def checked(
        backend: Any, eni_id: str, private_ip_addresses: Any = None, *rest: Any, **others: Any
    ) -> Any:
        interface = backend.get_network_interface(eni_id)
        _refuse_taken(backend, interface.subnet, set(private_ip_addresses or []))
        return assign(backend, eni_id, private_ip_addresses, *rest, **others)

    return checked


def _plain(address: Any) -> str:
    return str(address["PrivateIpAddress"] if isinstance(address, dict) else address)


def _refuse_taken(backend: Any, subnet: Any, wanted: set[str]) -> None:
    network = ip_network(subnet.cidr_block)
    for address in sorted(wanted):
        if ip_address(address) not in network:
            raise EC2ClientError(
                "InvalidParameterValue", f"{address} does not fall within the subnet's {network}"
            )
    taken = {
        _plain(one)
        for interface in backend.enis.values()
        if interface.subnet.id == subnet.id
        for one in interface.private_ip_addresses
    }
    if wanted & taken:
        raise EC2ClientError("InvalidIPAddress.InUse", f"in use: {', '.join(sorted(wanted & taken))}")
