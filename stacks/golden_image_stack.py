"""The images of a deployment: pipelines that make AMIs with what hosts need already."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.golden_image import GoldenImageConfig
from cdk_intersystems.golden_image.golden_image import GoldenImage
from stacks.log_retention import log_retention
from stacks.regional_stack import RegionalStack
from stacks.shared import Shared


class GoldenImageStack(RegionalStack):
    """A pipeline for each image. Nothing else refers to this stack: the AMIs' ids are pinned in the configuration."""

    def __init__(
        self, scope: Construct, deployment: Deployment, role: str, golden_image: GoldenImageConfig, *, shared: Shared
    ) -> None:
        super().__init__(
            scope, deployment, role, "image", description=f"Pipelines that make the images of {deployment.name}", stateful=False
        )
        settings = self.settings
        network = shared.network(self)
        self.images = {
            kind: GoldenImage(
                self,
                {"iris": "Iris", "web": "Web"}[kind],
                deployment=deployment.name,
                kind=kind,
                platform=golden_image.platform(deployment.platform_of(role)),
                base_image=golden_image.base_ami,
                vpc=network.vpc,
                subnet=network.subnets(network.endpoint_tier)[0],
                instance_type=ec2.InstanceType(golden_image.instance_type),
                root_volume_gib=golden_image.root_volume_gib,
                service_endpoints=network.endpoints_security_group,
                internet=settings.internet,
                encryption_key=shared.encryption_key(self),
                log_retention=log_retention(deployment.log_retention_days),
            )
            for kind in golden_image.kinds(web_tiers=bool(deployment.web_tiers))
        }
