"""A small CDK app with the resource types a deployment uses, to hold the adapter to: no IRIS in it.

Two stacks, the second importing from the first, with a rule over a parameter.
"""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2


class Network(cdk.Stack):
    """A VPC, and what members need from it."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id, env=cdk.Environment(account="111122223333", region="eu-west-2"))
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/16"),
            availability_zones=["eu-west-2a", "eu-west-2b", "eu-west-2c"],
            nat_gateways=1,
            restrict_default_security_group=False,
        )
        self.vpc.add_interface_endpoint("Ssm", service=ec2.InterfaceVpcEndpointAwsService.SSM)
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.vpc.add_flow_log("Log")

class Members(cdk.Stack):
    def __init__(self, scope: cdk.App, id: str, vpc: ec2.Vpc) -> None:
        super().__init__(scope, id, env=cdk.Environment(account="111122223333", region="eu-west-2"))
        sg=ec2.SecurityGroup(self,"Sg",vpc=vpc,allow_all_outbound=False)
        sg.add_ingress_rule(sg, ec2.Port.tcp(1972))
        i=ec2.Instance(self,"A",vpc=vpc,security_group=sg,instance_type=ec2.InstanceType("r7i.large"),machine_image=ec2.MachineImage.generic_linux({"eu-west-2":"ami-0123456789abcdef0"}),private_ip_address=None,require_imdsv2=True,detailed_monitoring=True,ebs_optimized=True,disable_api_termination=True)
        v=ec2.Volume(self,"V",availability_zone="eu-west-2a",size=cdk.Size.gibibytes(20),volume_type=ec2.EbsDeviceVolumeType.GP3,encrypted=True)
        cdk.Tags.of(v).add("cdk-intersystems:volume","data")
        ec2.CfnVolumeAttachment(self,"At",device="/dev/sdf",instance_id=i.instance_id,volume_id=v.volume_id)
        cdk.CfnOutput(self,"Ip",value=i.instance_private_ip)

app = cdk.App()
n=Network(app, "fixture-network")
Members(app,"fixture-members",n.vpc)
app.synth()
