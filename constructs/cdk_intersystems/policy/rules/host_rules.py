"""Rules about every EC2 host: its image, its metadata service, its addresses."""

import re
from collections.abc import Iterator
from typing import Any

from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LAUNCH_TEMPLATE, launch_settings, network_interfaces
from cdk_intersystems.policy.rules.rule import Finding, rule

_IMAGE = re.compile(r"ami-[0-9a-f]{8,17}")


@rule(
    "IRIS-3",
    "every image is pinned by its id",
    fix="state the image's id, as MachineImage.generic_linux does; an image looked up at deployment replaces hosts by itself",
)
def pinned_image(app: Assembly) -> Iterator[Finding]:
    """Neither an SSM parameter nor `latest`."""
    for host in app.resources(INSTANCE, LAUNCH_TEMPLATE):
        image = launch_settings(host).get("ImageId")
        if image is None and (host.type == LAUNCH_TEMPLATE or "LaunchTemplate" in host.properties):
            continue
        if not (isinstance(image, str) and _IMAGE.fullmatch(image)):
            yield Finding(host, f"the image is {image}, which is not the id of one", "Properties.ImageId")


@rule(
    "IRIS-4",
    "every host's metadata service asks for a session token (IMDSv2)",
    fix="set HttpTokens to required in the metadata options, from the first day: a later change replaces hosts",
)
def token_required(app: Assembly) -> Iterator[Finding]:
    """On the instance, or in the launch template it starts from."""
    for host in app.resources(INSTANCE, LAUNCH_TEMPLATE):
        settings = _with_template(app, host)
        if settings.get("MetadataOptions", {}).get("HttpTokens") != "required":
            yield Finding(host, "the metadata service answers without a session token", "Properties.MetadataOptions")


@rule(
    "IRIS-5",
    "no host has a public address, and no subnet gives one",
    fix="leave public addresses to internet-facing load balancers and NAT gateways",
)
def no_public_address(app: Assembly) -> Iterator[Finding]:
    """Stated by a host, given by its subnet, or associated as an elastic address."""
    for host in app.resources(INSTANCE, LAUNCH_TEMPLATE):
        for interface in network_interfaces(host):
            if interface.get("AssociatePublicIpAddress") not in {None, False}:
                yield Finding(host, "the host asks for a public address", "Properties.NetworkInterfaces")
            if interface.get("Ipv6AddressCount") or interface.get("Ipv6Addresses"):
                yield Finding(host, "the host asks for a public IPv6 address", "Properties.NetworkInterfaces")
    for subnet in app.resources("AWS::EC2::Subnet"):
        for key in ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation"):
            if subnet.properties.get(key) is True:
                yield Finding(subnet, "the subnet gives public addresses", f"Properties.{key}")
    for resource in app.resources("AWS::EC2::EIP", "AWS::EC2::EIPAssociation"):
        if "InstanceId" in resource.properties or "NetworkInterfaceId" in resource.properties:
            yield Finding(resource, "an elastic address is associated with a host", "Properties")


HOST_RULES = (pinned_image, token_required, no_public_address)


def _with_template(app: Assembly, host: Resource) -> dict[str, Any]:
    settings = launch_settings(host)
    reference = settings.get("LaunchTemplate")
    if host.type == INSTANCE and isinstance(reference, dict):
        template = app.find(host.stack, reference.get("LaunchTemplateId", ""))
        if template:
            return {**launch_settings(template), **settings}
    return settings
