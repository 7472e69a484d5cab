"""Strategy `listener`: a target group per member, and a listener whose weights the router moves between them."""

from collections.abc import Mapping

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from cdk_intersystems.mirror_endpoint.load_balancer import asking_members, define_listener, define_target_group, pascal
from cdk_intersystems.model import tags

DNS_FAILOVER = "target_group_health.dns_failover.minimum_healthy_targets.count"
"""How many healthy targets keep a zone's address in the load balancer's name. Source: ELB API, TargetGroupAttribute."""


def define_moved_listeners(
    scope: Construct,
    balancer: elbv2.NetworkLoadBalancer,
    *,
    vpc: ec2.IVpc,
    ports: Mapping[str, int],
    members: Mapping[str, str],
) -> tuple[dict[str, dict[str, elbv2.NetworkTargetGroup]], dict[str, dict[str, str]]]:
    """Define a listener and a target group for each member per service.

    The health check only asks whether a member is alive: who is primary is said by the listener. The template's action gives
    member a all the weight, and is the router's to change: each update of the listener by CloudFormation undoes that, until the
    router, which such an update wakes, has put it right.

    Both groups stand in the action, the other member's with weight 0. A group that no listener names is unused: Elastic Load
    Balancing makes no health checks of it, reports nothing of it, and takes up to some minutes until a target of it is in
    service (Network Load Balancers Guide, "Check the health of your targets", `Target.NotInUse`, and "Health checks"). So a
    failover would wait for that, and no alarm could tell of an idle member that is dead. Network Load Balancers take weights of
    0 to 999 (TargetGroupTuple). How long a change takes to be in force isn't documented, and this is not verified on AWS.

    A zone's address is left out of the load balancer's name when one of the groups has no healthy target, and that would be all
    zones' as soon as the idle member is down; so these groups don't count for it. And since a group of one whose target is
    unhealthy fails open, the load balancer resets no connection to a member that is dead: clients need timeouts of their own.

    Args:
        scope: The endpoint.
        balancer: Its load balancer.
        vpc: The VPC.
        ports: The services, name to port.
        members: The address of each failover member.

    Returns:
        The target groups of each service by member; and by each listener's ARN those of its target groups by member.
    """
    groups: dict[str, dict[str, elbv2.NetworkTargetGroup]] = {}
    moved: dict[str, dict[str, str]] = {}
    for name, port in ports.items():
        groups[name] = {}
        for member, address in members.items():
            group = define_target_group(
                scope,
                f"{pascal(name)}Targets{member.upper()}",
                vpc=vpc,
                port=port,
                addresses=[address],
                health_check=asking_members(elbv2.Protocol.TCP),
            )
            Tags.of(group).add(tags.MEMBER, member)
            group.set_attribute(DNS_FAILOVER, "off")
            groups[name][member] = group
        listener = define_listener(balancer, name, port, *groups[name].values())
        moved[listener.listener_arn] = {member: group.target_group_arn for member, group in groups[name].items()}
    return groups, moved
