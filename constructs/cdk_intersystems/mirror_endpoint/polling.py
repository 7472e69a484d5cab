"""Strategy `polling`: the load balancer asks both members for their role, and finds the primary itself."""

from collections.abc import Mapping

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from cdk_intersystems.mirror_endpoint.load_balancer import asking_members, define_listener, define_target_group, pascal
from cdk_intersystems.model.ports import MIRROR_STATUS_PATH


def define_polling(
    scope: Construct,
    balancer: elbv2.NetworkLoadBalancer,
    *,
    vpc: ec2.IVpc,
    ports: Mapping[str, int],
    members: Mapping[str, str],
) -> dict[str, elbv2.NetworkTargetGroup]:
    """Define a listener and one target group per service; each group holds both failover members.

    Args:
        scope: The endpoint.
        balancer: Its load balancer.
        vpc: The VPC.
        ports: The services, name to port.
        members: The address of each failover member.

    Returns:
        The target group of each service.
    """
    groups = {}
    for name, port in ports.items():
        groups[name] = define_target_group(
            scope,
            f"{pascal(name)}Targets",
            vpc=vpc,
            port=port,
            addresses=list(members.values()),
            health_check=asking_members(elbv2.Protocol.HTTP, path=MIRROR_STATUS_PATH, healthy_http_codes="200"),
        )
        define_listener(balancer, name, port, groups[name])
    return groups
