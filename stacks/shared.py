"""What all stacks of a region use: key, alarm topic and network, of stacks of their own or brought by the configuration."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import existing_subnets
from cdk_intersystems.configuration.region import ExistingVpc, RegionBase
from cdk_intersystems.model.addresses import TIERS
from cdk_intersystems.network.network import Network
from stacks.foundation_stack import FoundationStack, alarm_topic_of, encryption_key_of
from stacks.network_stack import NetworkStack


class Shared:
    """Hands each stack what it shares with the others.

    What the configuration brings is referred to in the stack that uses it. A stack for it alone would be empty, and
    CloudFormation refuses one.
    """

    def __init__(self, scope: Construct, deployment: Deployment, role: str) -> None:
        """Define the stacks of what isn't brought.

        Args:
            scope: The app.
            deployment: The configuration.
            role: The region's role, `primary` or `dr`.
        """
        self._settings = deployment.regions.of(role)
        brought = self._settings.encryption_key and self._settings.alarm_topic
        self._foundation = None if brought else FoundationStack(scope, deployment, role)
        self._network = None
        if self._settings.existing is None:
            self._network = NetworkStack(scope, deployment, role, foundation=self._foundation)

    def encryption_key(self, scope: Construct) -> kms.IKey:
        """The region's key, for a stack."""
        return encryption_key_of(scope, self._foundation, self._settings)

    def alarm_topic(self, scope: Construct) -> sns.ITopic:
        """The region's alarm topic, for a stack."""
        return alarm_topic_of(scope, self._foundation, self._settings)

    def network(self, scope: Construct) -> Network:
        """The region's network, for a stack."""
        if self._network is not None:
            return self._network.network
        assert self._settings.existing is not None
        return _existing_network(scope, self._settings, self._settings.existing)


def _existing_network(scope: Construct, settings: RegionBase, existing: ExistingVpc) -> Network:
    return Network.from_existing(
        scope,
        "Network",
        vpc_id=existing.vpc_id,
        cidr=str(existing.cidr),
        availability_zones=settings.availability_zones,
        subnets={
            tier: [
                ec2.SubnetAttributes(
                    subnet_id=subnet.id,
                    availability_zone=subnet.zone,
                    ipv4_cidr_block=str(subnet.cidr),
                    route_table_id=subnet.route_table,
                )
                for subnet in existing_subnets(settings, tier)
            ]
            for tier in TIERS
            if existing_subnets(settings, tier)
        },
        endpoints_security_group_id=existing.endpoints_security_group,
    )
