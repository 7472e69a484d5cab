"""`GoldenImage`: an EC2 Image Builder pipeline that makes an AMI with what hosts need already."""

import hashlib
import json

import jsii
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_intersystems.encryption.encryption_key import define_encryption_key
from cdk_intersystems.host_bundle.bundle import bundle, version_of
from cdk_intersystems.host_bundle.host_bundle import publish
from cdk_intersystems.identity.instance_role import define_instance_role, read_objects
from cdk_intersystems.mirrored_database.security_groups import admit_to_services
from cdk_intersystems.model.identifiers import identifier_problem
from cdk_intersystems.model.image import ImageKind, image_component, image_files
from cdk_intersystems.model.names import checked_name
from cdk_intersystems.model.platform import Platform, packages_problem
from cdk_intersystems.policy.acknowledge import acknowledge, wildcard_finding

# RHEL and Ubuntu images have their root volume there.
_ROOT_DEVICE = "/dev/sda1"
# Components and recipes of Image Builder never change; another content is another name, and has the first version.
_VERSION = "1.0.0"
_TEST_MINUTES = 60


@jsii.implements(ec2.IConnectable)
class GoldenImage(Construct):
    """Defines a pipeline that makes an AMI by the steps hosts take: packages, users, limits, and the product's kit.

    Hosts that start from it have less to fetch and to install. It has nothing in it that tells hosts apart, no password anybody
    knows, and no licence. The pipeline runs when it is told to. Its AMI's id is pinned by hand, in the configuration: no
    deployment ever takes a newer image by itself.

    Example:
        ```python
        image = GoldenImage(
            stack,
            "Image",
            deployment="trakcare",
            kind="iris",
            platform=Platform(operating_system="rhel9", architecture="x86_64", packages=archive, kit=kit),
            base_image="ami-0123456789abcdef0",
            vpc=network.vpc,
            subnet=network.subnets("application")[0],
            instance_type=ec2.InstanceType("m7i.large"),
            service_endpoints=network.endpoints_security_group,
        )
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        kind: ImageKind,
        platform: Platform,
        base_image: str,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
        instance_type: ec2.InstanceType,
        root_volume_gib: int = 30,
        service_endpoints: ec2.ISecurityGroup | None = None,
        internet: bool = False,
        encryption_key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        """Define the pipeline.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            deployment: Name of the deployment; part of the names.
            kind: What hosts the image is for: `iris` for members, arbiters and application servers, `web` for web servers. Two
                images, as one with a web server in it would start that on members too.
            platform: What the image runs on, and where its packages and the kit come from.
            base_image: Id of the AMI it begins with.
            vpc: The VPC of the machine that is made an image.
            subnet: Its subnet, a private one.
            instance_type: Its type, of the platform's architecture.
            root_volume_gib: Size of the image's root volume in GiB; an installation and its archive have to fit. Default: 30.
            service_endpoints: The security group of the VPC's interface endpoints, that of Image Builder among them, which the
                machine may then use. Default: it has no way to AWS's services, unless `internet`.
            internet: Whether the machine may open connections to port 443 anywhere. Default: it may not.
            encryption_key: The key for the image and the logs. Its policy must let IAM policies of the account decide, as by
                default: Image Builder uses it by its service-linked role. Default: a new customer-managed key that rotates
                yearly.
            log_retention: How long the build's logs are kept. Default: a year.

        Raises:
            ValueError: If the base image isn't an id, a name can't be part of a resource's, or the packages can't be had.
        """
        super().__init__(scope, id)
        if problem := identifier_problem(base_image, "ami"):
            raise ValueError(f"base_image {problem}, got {base_image!r}")
        if problem := packages_problem(platform.archive or platform.packages, internet=internet):
            raise ValueError(problem)
        stack = Stack.of(self)
        self._name = f"{checked_name(deployment)}-{kind}"
        key = encryption_key or define_encryption_key(self, "Key")
        group = ec2.SecurityGroup(
            self, "Machine", vpc=vpc, description=f"Machines that become the image {self._name}", allow_all_outbound=False
        )
        admit_to_services(group, service_endpoints, internet=internet)
        self._connections = ec2.Connections(security_groups=[group])

        packed = bundle(image_files(platform, kind))
        version = version_of(packed)
        bucket, object_key = publish(self, packed, version, f"Bundle of the image {self._name}")
        has_kit = platform.kit is not None
        document = image_component(bucket=bucket, key=object_key, sha256=version, kind=kind, has_kit=has_kit)
        # Where the bundle lies is only known at deployment, and nothing of it.
        distinct = _digest(image_component(bucket="", key="", sha256=version, kind=kind, has_kit=has_kit))
        component = imagebuilder.CfnComponent(
            self,
            "Component",
            name=f"{self._name}-{distinct}",
            version=_VERSION,
            platform="Linux",
            description=document["description"],
            data=stack.to_json_string(document),
        )
        recipe_name = f"{self._name}-{_digest(distinct, base_image, root_volume_gib)}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/imagebuilder/{self._name}",
            encryption_key=key,
            retention=log_retention,
            removal_policy=RemovalPolicy.RETAIN,
        )
        recipe = imagebuilder.CfnImageRecipe(
            self,
            "Recipe",
            name=recipe_name,
            version=_VERSION,
            description=f"Image {self._name}",
            parent_image=base_image,
            components=[imagebuilder.CfnImageRecipe.ComponentConfigurationProperty(component_arn=component.attr_arn)],
            block_device_mappings=[_root_volume(root_volume_gib, key)],
            # Image Builder installs it where the base image has none, and would take it away again.
            additional_instance_configuration=imagebuilder.CfnImageRecipe.AdditionalInstanceConfigurationProperty(
                systems_manager_agent=imagebuilder.CfnImageRecipe.SystemsManagerAgentProperty(uninstall_after_build=False)
            ),
        )
        role = self._define_role(platform, log_group, component, f"arn:{stack.partition}:s3:::{bucket}/{object_key}")
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])
        infrastructure = imagebuilder.CfnInfrastructureConfiguration(
            self,
            "Infrastructure",
            name=self._name,
            description=f"Machines that become the image {self._name}: private, without a key pair",
            instance_profile_name=profile.ref,
            instance_types=[instance_type.to_string()],
            instance_metadata_options=imagebuilder.CfnInfrastructureConfiguration.InstanceMetadataOptionsProperty(
                http_tokens="required", http_put_response_hop_limit=1
            ),
            security_group_ids=[group.security_group_id],
            subnet_id=subnet.subnet_id,
            terminate_instance_on_failure=True,
        )
        distribution = imagebuilder.CfnDistributionConfiguration(
            self,
            "Distribution",
            name=self._name,
            description=f"Keeps the image {self._name} in this region and account, encrypted",
            distributions=[
                imagebuilder.CfnDistributionConfiguration.DistributionProperty(
                    region=stack.region,
                    # By CloudFormation's own names: the CDK passes this one property on as it is.
                    ami_distribution_configuration={
                        "Name": f"{self._name}-{{{{ imagebuilder:buildDate }}}}",
                        "Description": f"Image {self._name}, of bundle {version}",
                        "KmsKeyId": key.key_arn,
                    },
                )
            ],
        )
        self._pipeline = imagebuilder.CfnImagePipeline(
            self,
            "Pipeline",
            name=self._name,
            description=f"Makes the image {self._name}; runs when it is started",
            image_recipe_arn=recipe.attr_arn,
            infrastructure_configuration_arn=infrastructure.attr_arn,
            distribution_configuration_arn=distribution.attr_arn,
            # A list of packages would need Systems Manager's inventory, and the role more permissions.
            enhanced_image_metadata_enabled=False,
            image_tests_configuration=imagebuilder.CfnImagePipeline.ImageTestsConfigurationProperty(
                image_tests_enabled=True, timeout_minutes=_TEST_MINUTES
            ),
            logging_configuration=imagebuilder.CfnImagePipeline.PipelineLoggingConfigurationProperty(
                image_log_group_name=log_group.log_group_name
            ),
            status="ENABLED",
        )
        CfnOutput(
            self,
            "Start",
            description=f"Makes the image {self._name}; its AMI's id is then pinned in the configuration",
            value=f"aws imagebuilder start-image-pipeline-execution --image-pipeline-arn {self._pipeline.attr_arn}",
        )

    @property
    def connections(self) -> ec2.Connections:
        """The connections of the machine that is made an image."""
        return self._connections

    @property
    def pipeline_arn(self) -> str:
        """ARN of the pipeline."""
        return self._pipeline.attr_arn

    def _define_role(
        self, platform: Platform, log_group: logs.LogGroup, component: imagebuilder.CfnComponent, bundle_arn: str
    ) -> iam.Role:
        """Define the machine's role: what Image Builder needs on it, and the bundle, packages and kit."""
        stack = Stack.of(self)
        # Image Builder's own program, which a machine fetches first. Source: EC2 Image Builder User Guide, "Custom policies for
        # S3 bucket access".
        program = f"arn:{stack.partition}:s3:::ec2imagebuilder-toe-{stack.region}-prod/*"
        role = define_instance_role(
            self,
            "Role",
            description=f"Machines that become the image {self._name}",
            log_group=log_group,
            statements=[
                # Source: EC2 Image Builder User Guide, policy EC2InstanceProfileForImageBuilder.
                iam.PolicyStatement(actions=["imagebuilder:GetComponent"], resources=[component.attr_arn]),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[bundle_arn, program]),
                *read_objects(self, platform.archive, platform.kit),
            ],
        )
        acknowledge(role.node.find_child("Policy"), {wildcard_finding(role, program): _PROGRAM})
        return role


def _root_volume(size_gib: int, key: kms.IKey) -> imagebuilder.CfnImageRecipe.InstanceBlockDeviceMappingProperty:
    return imagebuilder.CfnImageRecipe.InstanceBlockDeviceMappingProperty(
        device_name=_ROOT_DEVICE,
        ebs=imagebuilder.CfnImageRecipe.EbsInstanceBlockDeviceSpecificationProperty(
            encrypted=True, kms_key_id=key.key_arn, volume_size=size_gib, volume_type="gp3", delete_on_termination=True
        ),
    )


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


_PROGRAM = (
    "the bucket is AWS's own, one for each region, and its objects are the versions of the program that Image Builder runs on "
    "the machine; which one, Image Builder decides"
)
