"""The VPC endpoints through which instances reach AWS with no route to the Internet."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

# What needs it: Session Manager (ssm, ssmmessages), finding and attaching one's volumes (ec2), logs and metrics (logs,
# monitoring), secrets and their keys (secretsmanager, kms), the artefact bucket (s3), telling CloudFormation how the start
# went (cloudformation), leaving an Auto Scaling group in order (autoscaling).
_INTERFACE_ENDPOINTS = {
    "Ssm": ec2.InterfaceVpcEndpointAwsService.SSM,
    "SsmMessages": ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
    "Ec2": ec2.InterfaceVpcEndpointAwsService.EC2,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Monitoring": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Kms": ec2.InterfaceVpcEndpointAwsService.KMS,
    "CloudFormation": ec2.InterfaceVpcEndpointAwsService.CLOUDFORMATION,
    "AutoScaling": ec2.InterfaceVpcEndpointAwsService.AUTOSCALING,
    "S3": ec2.InterfaceVpcEndpointAwsService.S3,
}
# Only where it issues certificates: an endpoint has a price for each hour and zone.
_PRIVATE_CA = {"PrivateCa": ec2.InterfaceVpcEndpointAwsService.PRIVATE_CERTIFICATE_AUTHORITY}
_IMAGE_BUILDER = {"ImageBuilder": ec2.InterfaceVpcEndpointAwsService.IMAGE_BUILDER}
_ALL_RESOLVERS = ec2.VpcEndpointPrivateDnsOnlyForInboundResolverEndpoint.ALL_RESOLVERS


def add_service_endpoints(
    scope: Construct,
    vpc: ec2.IVpc,
    security_group: ec2.ISecurityGroup,
    subnets: Sequence[ec2.ISubnet],
    *,
    private_ca: bool,
    image_builder: bool,
) -> None:
    """Define the interface endpoints, one address in each of the subnets, and the gateway endpoint of DynamoDB.

    S3 has an interface endpoint and no gateway endpoint: a security group can name the former's group as its peer, while
    traffic to the latter leaves towards S3's public addresses, which only a rule with a range could let out.

    That of AWS Private CA is there only with `private_ca`, that of Image Builder only with `image_builder`.

    Through every endpoint only principals of this account get, so that nobody carries data out with credentials of another.
    Only the region's public copy of the SSM Agent is read by anyone, as package managers sign no request (Systems Manager User
    Guide, "SSM Agent communications with AWS managed S3 buckets"), and with `image_builder` Image Builder's program (EC2 Image
    Builder User Guide, "Custom policies for S3 bucket access").
    """
    in_subnets = ec2.SubnetSelection(subnets=list(subnets))
    endpoints: dict[str, ec2.VpcEndpoint] = {
        name: ec2.InterfaceVpcEndpoint(
            scope,
            f"{name}Endpoint",
            vpc=vpc,
            service=service,
            security_groups=[security_group],
            subnets=in_subnets,
            private_dns_enabled=True,
            # S3 alone has private names for the resolvers of the VPC only if it is told so.
            private_dns_only_for_inbound_resolver_endpoint=_ALL_RESOLVERS if name == "S3" else None,
            open=False,
        )
        for name, service in (
            _INTERFACE_ENDPOINTS | (_PRIVATE_CA if private_ca else {}) | (_IMAGE_BUILDER if image_builder else {})
        ).items()
    }
    endpoints["DynamoDb"] = ec2.GatewayVpcEndpoint(
        scope, "DynamoDbEndpoint", vpc=vpc, service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
    )
    of_this_account = iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": Stack.of(scope).account}},
    )
    for endpoint in endpoints.values():
        endpoint.add_to_policy(of_this_account)
    region = Stack.of(scope).region
    public = [f"amazon-ssm-{region}", *([f"ec2imagebuilder-toe-{region}-prod"] if image_builder else [])]
    endpoints["S3"].add_to_policy(
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["s3:GetObject"],
            resources=[f"arn:{Stack.of(scope).partition}:s3:::{bucket}/*" for bucket in public],
        )
    )
