"""The VPC endpoints through which instances reach AWS with no route to the Internet."""

from collections.abc import Sequence

from aws_cdk import Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

# What needs it: Session Manager (ssm, ssmmessages), finding and attaching one's volumes (ec2), logs and metrics (logs,
# monitoring), secrets and their keys (secretsmanager, kms), the artefact bucket (s3), telling CloudFormation how the start
# went (cloudformation), leaving an Auto Scaling group in order (autoscaling), route epochs and the router (dynamodb, sqs).
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
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "DynamoDb": ec2.InterfaceVpcEndpointAwsService.DYNAMODB,
}
# It gives its own endpoints no private names. Source: DynamoDB Developer Guide, "AWS PrivateLink for DynamoDB", considerations.
_NO_PRIVATE_NAME = "DynamoDb"
# Only where it issues certificates: an endpoint has a price for each hour and zone.
_PRIVATE_CA = {"PrivateCa": ec2.InterfaceVpcEndpointAwsService.PRIVATE_CERTIFICATE_AUTHORITY}
# Where the router moves listeners.
_LOAD_BALANCING = {"LoadBalancing": ec2.InterfaceVpcEndpointAwsService.ELASTIC_LOAD_BALANCING}
_IMAGE_BUILDER = {"ImageBuilder": ec2.InterfaceVpcEndpointAwsService.IMAGE_BUILDER}
_ALL_RESOLVERS = ec2.VpcEndpointPrivateDnsOnlyForInboundResolverEndpoint.ALL_RESOLVERS


def add_service_endpoints(
    scope: Construct,
    vpc: ec2.IVpc,
    security_group: ec2.ISecurityGroup,
    subnets: Sequence[ec2.ISubnet],
    *,
    private_ca: bool,
    load_balancing: bool,
    image_builder: bool,
) -> None:
    """Define the interface endpoints, one address in each of the subnets.

    S3 and DynamoDB have interface endpoints and no gateway endpoints: a security group can name the former's group as its peer,
    while traffic to the latter leaves towards the services' public addresses, which only a rule with a range could let out.
    DynamoDB's has no private name, so that a private hosted zone leads DynamoDB's name in the region to it.

    That of AWS Private CA is there only with `private_ca`, that of Elastic Load Balancing only with `load_balancing`, that of
    Image Builder only with `image_builder`.

    Through every endpoint only principals of this account get, so that nobody carries data out with credentials of another.
    Only the region's public copy of the SSM Agent is read by anyone, as package managers sign no request (Systems Manager User
    Guide, "SSM Agent communications with AWS managed S3 buckets"), and with `image_builder` Image Builder's program (EC2 Image
    Builder User Guide, "Custom policies for S3 bucket access").
    """
    in_subnets = ec2.SubnetSelection(subnets=list(subnets))
    services = (
        _INTERFACE_ENDPOINTS
        | (_PRIVATE_CA if private_ca else {})
        | (_LOAD_BALANCING if load_balancing else {})
        | (_IMAGE_BUILDER if image_builder else {})
    )
    endpoints = {
        name: ec2.InterfaceVpcEndpoint(
            scope,
            f"{name}Endpoint",
            vpc=vpc,
            service=service,
            security_groups=[security_group],
            subnets=in_subnets,
            private_dns_enabled=name != _NO_PRIVATE_NAME,
            # S3 alone has private names for the resolvers of the VPC only if it is told so.
            private_dns_only_for_inbound_resolver_endpoint=_ALL_RESOLVERS if name == "S3" else None,
            open=False,
        )
        for name, service in services.items()
    }
    _name_dynamodb(scope, vpc, endpoints["DynamoDb"])
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


def _name_dynamodb(scope: Construct, vpc: ec2.IVpc, endpoint: ec2.InterfaceVpcEndpoint) -> None:
    """Have DynamoDB's name in this region lead to its endpoint, within the VPC."""
    name = f"dynamodb.{Stack.of(scope).region}.{Stack.of(scope).url_suffix}"
    zone = route53.CfnHostedZone(
        scope,
        "DynamoDbZone",
        name=name,
        vpcs=[route53.CfnHostedZone.VPCProperty(vpc_id=vpc.vpc_id, vpc_region=Stack.of(scope).region)],
    )
    # The first entry is the endpoint's name in the region: `<hosted zone id>:<name>`.
    entry = Fn.split(":", Fn.select(0, endpoint.vpc_endpoint_dns_entries), 2)
    route53.CfnRecordSet(
        scope,
        "DynamoDbName",
        hosted_zone_id=zone.ref,
        name=f"{name}.",
        type="A",
        alias_target=route53.CfnRecordSet.AliasTargetProperty(
            hosted_zone_id=Fn.select(0, entry), dns_name=Fn.select(1, entry), evaluate_target_health=False
        ),
    )
