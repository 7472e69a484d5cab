"""Two bare instances with this library's mirror endpoint and failover automation: once by routes, once by a listener."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms

from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
from cdk_intersystems.mirror_endpoint.checks import Strategy
from cdk_intersystems.mirror_endpoint.mirror_endpoint import MirrorEndpoint
from cdk_intersystems.model import tags

ENVIRONMENT = cdk.Environment(account="111122223333", region="eu-west-2")
ZONES = ["eu-west-2a", "eu-west-2b"]
DEPLOYMENT, VIP, PORTS = "fixture", "10.255.0.1", {"superserver": 1972}


class Network(cdk.Stack):
    """A VPC whose route tables carry the deployment's tags."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        cdk.Tags.of(self).add(tags.DEPLOYMENT, DEPLOYMENT)
        private = ec2.SubnetType.PRIVATE_ISOLATED
        groups = [ec2.SubnetConfiguration(name=name, subnet_type=private, cidr_mask=24) for name in ("application", "data")]
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/16"),
            availability_zones=ZONES,
            nat_gateways=0,
            subnet_configuration=groups,
            restrict_default_security_group=False,
        )
        for name in ("application", "data"):
            for subnet in self.vpc.select_subnets(subnet_group_name=name).subnets:
                cdk.Tags.of(subnet).add(tags.SUBNETS, name)
        if changed := self.node.try_get_context("changed"):
            # Each route table is then updated itself.
            cdk.Tags.of(self).add("changed", changed)


class MirrorSet(cdk.Stack):
    """Two members, the way to them, and what leads clients there."""

    def __init__(self, scope: cdk.App, id: str, network: Network, *, mirror_set: str, strategy: Strategy) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        cdk.Tags.of(self).add(tags.DEPLOYMENT, DEPLOYMENT)
        cdk.Tags.of(self).add(tags.MIRROR_SET, mirror_set)
        self._vpc = network.vpc
        subnets = self._vpc.select_subnets(subnet_group_name="data").subnets
        group = ec2.SecurityGroup(self, "Members", vpc=self._vpc, description="members", allow_all_outbound=False)
        members = {name: self._member(name, subnet, group) for name, subnet in zip("ab", subnets, strict=True)}
        vip = VIP if strategy == "route_vip" else None
        endpoint = MirrorEndpoint(
            self,
            "Endpoint",
            vpc=self._vpc,
            subnets=subnets,
            member_addresses=[member.attr_private_ip for member in members.values()],
            member_security_group=group,
            ports=PORTS,
            strategies=[strategy],
            vip=vip,
        )
        automation = FailoverAutomation(
            self,
            "Failover",
            deployment=DEPLOYMENT,
            mirror_set=mirror_set,
            vpc=self._vpc,
            subnets=self._vpc.select_subnets(subnet_group_name="application").subnets,
            # Functions run on this machine: the test answers for the members there.
            member_addresses={name: self.node.get_context(f"address_{name}") for name in members},
            member_security_group=group,
            encryption_key=kms.Key(self, "Key", enable_key_rotation=True),
            vip=vip,
            listeners=endpoint.moved_listeners,
            target_groups=next(iter(endpoint.target_groups.values()), ()),
        )
        self._let_tests_change(endpoint, automation)
        self._tell(endpoint, automation, members)

    def _member(self, name: str, subnet: ec2.ISubnet, group: ec2.SecurityGroup) -> ec2.CfnInstance:
        member = ec2.CfnInstance(
            self,
            f"Member{name.upper()}",
            image_id="ami-0123456789abcdef0",
            instance_type="r7i.large",
            subnet_id=subnet.subnet_id,
            security_group_ids=[group.security_group_id],
            source_dest_check=False,
        )
        cdk.Tags.of(member).add(tags.MEMBER, name)
        return member

    def _let_tests_change(self, endpoint: MirrorEndpoint, automation: FailoverAutomation) -> None:
        """Gives a test something to change: at the function, and at the listener, which is then written whole."""
        if memory := self.node.try_get_context("memory"):
            automation.function.node.default_child.add_property_override("MemorySize", int(memory))
        if idle := self.node.try_get_context("idle_seconds"):
            for found in endpoint.node.find_all():
                if isinstance(found, elbv2.CfnListener):
                    found.add_property_override("ListenerAttributes", [{"Key": "tcp.idle_timeout.seconds", "Value": idle}])

    def _tell(self, endpoint: MirrorEndpoint, automation: FailoverAutomation, members: dict[str, ec2.CfnInstance]) -> None:
        listener, groups = next(iter(endpoint.moved_listeners.items()), ("none", {}))
        outputs = {
            "Table": automation.table.table_name,
            "Queue": automation.queue.queue_url,
            "Parked": automation.parked_messages.queue_url,
            "Function": automation.function.function_name,
            "LogGroup": automation.log_group.log_group_name,
            "MemberA": members["a"].ref,
            "MemberB": members["b"].ref,
            "Vpc": self._vpc.vpc_id,
            "Listener": listener,
            "Groups": self.to_json_string(groups),
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, f"{name}Output", value=value).override_logical_id(f"Out{name}")


app = cdk.App()
network = Network(app, "fixture-network")
MirrorSet(app, "fixture-vip", network, mirror_set="VIP", strategy="route_vip")
MirrorSet(app, "fixture-listener", network, mirror_set="LISTENER", strategy="listener")
app.synth()
