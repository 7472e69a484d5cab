"""The Application Load Balancer of a web tier: listeners, target group, and who may reach it."""

from collections.abc import Sequence
from ipaddress import ip_network

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from cdk_intersystems.policy.acknowledge import acknowledge

HTTPS_PORT = 443
_HTTP_PORT = 80
ANYWHERE = "0.0.0.0/0"

# TLS 1.3, and 1.2 with forward secrecy and without CBC for clients that don't have it; key exchange by ML-KEM for those that
# do, so that what is recorded today can't be read once there are quantum computers: patients' data stay confidential for
# longer than that may take. It is ELB's recommendation and its console's default.
# Source: ELB, "Security policies for your Application Load Balancer".
_TLS_POLICY = elbv2.SslPolicy.TLS13_12_RES_PQ

# Longer than the Web Gateway waits for IRIS (Server_Response_Timeout, 60 s by default), so that the browser gets the
# gateway's answer and not the load balancer's 504. A request under way is given as long when its server goes.
# Source: Web Gateway Guide, "CSP.ini".
_IDLE_TIMEOUT = Duration.seconds(75)

_HEALTH_CHECK_INTERVAL = Duration.seconds(10)
_HEALTH_CHECK_TIMEOUT = Duration.seconds(5)
_HEALTHY_THRESHOLD = 2
_UNHEALTHY_THRESHOLD = 3


def define_load_balancer(
    scope: Construct,
    *,
    description: str,
    vpc: ec2.IVpc,
    subnets: Sequence[ec2.ISubnet],
    internet_facing: bool,
    client_cidrs: Sequence[str],
    deletion_protection: bool,
) -> tuple[elbv2.ApplicationLoadBalancer, ec2.SecurityGroup]:
    """Define the load balancer and its security group, which admits the clients on both ports."""
    security_group = ec2.SecurityGroup(
        scope, "LoadBalancerSecurityGroup", vpc=vpc, description=description, allow_all_outbound=False
    )
    for cidr in client_cidrs:
        peer = ec2.Peer.ipv4(cidr)
        security_group.add_ingress_rule(peer, ec2.Port.tcp(HTTPS_PORT), "HTTPS, clients")
        security_group.add_ingress_rule(peer, ec2.Port.tcp(_HTTP_PORT), "HTTP, clients, to be redirected")
    if ANYWHERE in client_cidrs:
        acknowledge(security_group, {"AwsSolutions-EC23": _FOR_EVERYONE})
    load_balancer = elbv2.ApplicationLoadBalancer(
        scope,
        "LoadBalancer",
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnets=list(subnets)),
        internet_facing=internet_facing,
        security_group=security_group,
        deletion_protection=deletion_protection,
        drop_invalid_header_fields=True,
        desync_mitigation_mode=elbv2.DesyncMitigationMode.DEFENSIVE,
        idle_timeout=_IDLE_TIMEOUT,
    )
    return load_balancer, security_group


def define_target_group(
    scope: Construct,
    *,
    vpc: ec2.IVpc,
    servers: autoscaling.AutoScalingGroup,
    health_check_path: str,
    healthy_codes: str,
    stickiness: Duration,
) -> elbv2.ApplicationTargetGroup:
    """Define the target group: HTTPS to the web servers too, so that nothing travels in clear inside the VPC.

    The load balancer doesn't verify the web servers' certificates, so that self-signed ones do.
    """
    return elbv2.ApplicationTargetGroup(
        scope,
        "Targets",
        vpc=vpc,
        port=HTTPS_PORT,
        protocol=elbv2.ApplicationProtocol.HTTPS,
        target_type=elbv2.TargetType.INSTANCE,
        targets=[servers],
        # A session lives on one application server, and each web server works with one of them.
        stickiness_cookie_duration=stickiness,
        deregistration_delay=_IDLE_TIMEOUT,
        health_check=elbv2.HealthCheck(
            protocol=elbv2.Protocol.HTTPS,
            path=health_check_path,
            healthy_http_codes=healthy_codes,
            interval=_HEALTH_CHECK_INTERVAL,
            timeout=_HEALTH_CHECK_TIMEOUT,
            healthy_threshold_count=_HEALTHY_THRESHOLD,
            unhealthy_threshold_count=_UNHEALTHY_THRESHOLD,
        ),
    )


def add_listeners(
    load_balancer: elbv2.ApplicationLoadBalancer,
    *,
    certificate: acm.ICertificate,
    target_group: elbv2.ApplicationTargetGroup,
) -> None:
    """Add the HTTPS listener, and the HTTP one that only redirects to it."""
    load_balancer.add_listener(
        "Https",
        port=HTTPS_PORT,
        protocol=elbv2.ApplicationProtocol.HTTPS,
        certificates=[elbv2.ListenerCertificate.from_certificate_manager(certificate)],
        ssl_policy=_TLS_POLICY,
        default_target_groups=[target_group],
        # Who may connect is said by ranges and security groups.
        open=False,
    )
    redirect = load_balancer.add_listener(
        "Http",
        port=_HTTP_PORT,
        protocol=elbv2.ApplicationProtocol.HTTP,
        default_action=elbv2.ListenerAction.redirect(protocol="HTTPS", port=str(HTTPS_PORT), permanent=True),
        open=False,
    )
    acknowledge(
        redirect,
        {
            "HIPAA.Security-ELBv2ACMCertificateRequired": _ONLY_REDIRECTS,
            "NIST.800.53.R5-ELBv2ACMCertificateRequired": _ONLY_REDIRECTS,
        },
    )


def client_cidr_problem(cidr: str) -> str | None:
    """Says why a range can't be one that clients connect from; `None` if it can."""
    try:
        network = ip_network(cidr)
    except ValueError as error:
        return str(error)
    return None if network.version == 4 else "the load balancer has IPv4 addresses only"


_FOR_EVERYONE = (
    "the load balancer is meant for clients anywhere (client_cidrs), on ports 443 and 80 only; it ends TLS and drops invalid "
    "headers, nothing else in the tier admits an address range, and no instance has a public address"
)
_ONLY_REDIRECTS = "the listener answers every request with a redirect to HTTPS, whose listener has the certificate"
