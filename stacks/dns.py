"""The names clients know the deployment by."""

from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.plan import own_label

# The record of a fixed address: an hour, after which a change of the configuration has reached everybody.
_TTL_SECONDS = "3600"


def record_name(deployment: Deployment, role: str, label: str) -> str:
    """The name of a record, with the dot at its end: `<label>.<deployment's name>.<zone>`.

    With a DR region it is `<label>-<role>`, and the name without the role leads to the region that holds the traffic.

    Args:
        deployment: The configuration, which has a zone.
        role: The region's role, `primary` or `dr`.
        label: Name of a web tier, or what the endpoint of a mirror set is called.
    """
    dns = deployment.dns
    assert dns is not None
    own = label if deployment.regions.dr is None else own_label(label, role)
    return f"{own}.{dns.name}.{dns.zone}."


def define_alias(
    scope: Construct, deployment: Deployment, role: str, label: str, load_balancer: elbv2.ILoadBalancerV2
) -> route53.CfnRecordSet | None:
    """Define a name as an alias of a load balancer, where the configuration has a zone.

    Not by the CDK's own `LoadBalancerTarget`: its module imports a dozen services that no deployment uses.
    """
    dns = deployment.dns
    if dns is None:
        return None
    return route53.CfnRecordSet(
        scope,
        "Alias",
        hosted_zone_id=dns.zone_id,
        name=record_name(deployment, role, label),
        type="A",
        alias_target=route53.CfnRecordSet.AliasTargetProperty(
            dns_name=load_balancer.load_balancer_dns_name,
            hosted_zone_id=load_balancer.load_balancer_canonical_hosted_zone_id,
            # Route 53 answers with the load balancer's addresses also while none of its targets is healthy.
            evaluate_target_health=False,
        ),
    )


def define_address(
    scope: Construct, deployment: Deployment, role: str, label: str, address: str
) -> route53.CfnRecordSet | None:
    """Define a name as an address that stays as it is, where the configuration has a zone.

    A failover changes where the address leads, never the record: resolvers and clients may keep it as long as they like.
    """
    dns = deployment.dns
    if dns is None:
        return None
    return route53.CfnRecordSet(
        scope,
        "VipRecord",
        hosted_zone_id=dns.zone_id,
        name=record_name(deployment, role, label),
        type="A",
        ttl=_TTL_SECONDS,
        resource_records=[address],
    )
