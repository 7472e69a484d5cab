"""The VPC endpoints through which instances reach AWS with no route to the Internet."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

# What needs it: Session Manager (ssm, ssmmessages, ec2messages), finding and attaching one's volumes (ec2), logs and
# metrics (logs, monitoring), secrets and their keys (secretsmanager, kms), the artefact bucket (s3), telling CloudFormation
# how the start went (cloudformation), leaving an Auto Scaling group in order (autoscaling), temporary credentials (sts).
_INTERFACE_ENDPOINTS = {
    "Ssm": ec2.InterfaceVpcEndpointAwsService.SSM,
    "SsmMessages": ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
    "Ec2Messages": ec2.InterfaceVpcEndpointAwsService.EC2_MESSAGES,
    "Ec2": ec2.InterfaceVpcEndpointAwsService.EC2,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Monitoring": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Kms": ec2.InterfaceVpcEndpointAwsService.KMS,
    "CloudFormation": ec2.InterfaceVpcEndpointAwsService.CLOUDFORMATION,
    "AutoScaling": ec2.InterfaceVpcEndpointAwsService.AUTOSCALING,
    "Sts": ec2.InterfaceVpcEndpointAwsService.STS,
}


def add_service_endpoints(
    scope: Construct,
    vpc: ec2.IVpc,
    security_group: ec2.ISecurityGroup,
    subnets: Sequence[ec2.ISubnet],
) -> None:
    """Define the interface endpoints, one address in each of the subnets, and the gateway endpoint of DynamoDB.

    S3 has an interface endpoint and no gateway endpoint: a security group can name the former's group as its peer, while
    traffic to the latter leaves towards S3's public addresses, which only a rule with a range could let out.
    """
    in_subnets = ec2.SubnetSelection(subnets=list(subnets))
    for name, service in _INTERFACE_ENDPOINTS.items():
        ec2.InterfaceVpcEndpoint(
            scope,
            f"{name}Endpoint",
            vpc=vpc,
            service=service,
            security_groups=[security_group],
            subnets=in_subnets,
            private_dns_enabled=True,
            open=False,
        )
    ec2.InterfaceVpcEndpoint(
        scope,
        "S3Endpoint",
        vpc=vpc,
        service=ec2.InterfaceVpcEndpointAwsService.S3,
        security_groups=[security_group],
        subnets=in_subnets,
        private_dns_enabled=True,
        private_dns_only_for_inbound_resolver_endpoint=ec2.VpcEndpointPrivateDnsOnlyForInboundResolverEndpoint.ALL_RESOLVERS,
        open=False,
    )
    ec2.GatewayVpcEndpoint(scope, "DynamoDbEndpoint", vpc=vpc, service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
