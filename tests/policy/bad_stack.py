"""A stack as a hurried hand would write it, for the policy packs to be tried on."""

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns


def bad_app() -> App:
    """One database host, open to everyone, with what stands around it."""
    app = App()
    stack = Stack(app, "Bad")
    vpc = ec2.Vpc(
        stack, "Vpc", max_azs=2, ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"), restrict_default_security_group=False
    )
    group = ec2.SecurityGroup(stack, "Open", vpc=vpc)
    group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(22))
    group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(1972))
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))
    ec2.Instance(
        stack,
        "Host",
        vpc=vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        instance_type=ec2.InstanceType("m5.large"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(),
        security_group=group,
        role=role,
        associate_public_ip_address=True,
    )
    ec2.Volume(stack, "Data", availability_zone="eu-west-2a", size=None, snapshot_id="snap-0123456789abcdef0")
    balancer = elbv2.NetworkLoadBalancer(stack, "Endpoint", vpc=vpc, internet_facing=True)
    targets = elbv2.NetworkTargetGroup(stack, "Targets", vpc=vpc, port=1972)
    balancer.add_listener("Superserver", port=1972, default_target_groups=[targets])
    s3.Bucket(stack, "Kits")
    sns.Topic(stack, "Alarms")
    secretsmanager.Secret(stack, "Password")
    logs.LogGroup(stack, "Logs", retention=logs.RetentionDays.INFINITE)
    return app
