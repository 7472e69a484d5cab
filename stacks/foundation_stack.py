"""What all other stacks of a region use: its encryption key and its alarm topic."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_intersystems.configuration import Deployment
from cdk_intersystems.configuration.region import RegionBase
from cdk_intersystems.encryption.encryption_key import define_encryption_key
from stacks.regional_stack import RegionalStack


class FoundationStack(RegionalStack):
    """The region's customer-managed key and its alarm topic, or those the configuration brings."""

    def __init__(self, scope: Construct, deployment: Deployment, role: str) -> None:
        super().__init__(
            scope,
            deployment,
            role,
            "foundation",
            description=f"Encryption key and alarm topic of {deployment.name}",
            stateful=True,
        )
        settings = self.settings
        self.encryption_key: kms.IKey = (
            kms.Key.from_key_arn(self, "Key", settings.encryption_key)
            if settings.encryption_key
            else define_encryption_key(self, "Key")
        )
        self.alarm_topic: sns.ITopic = (
            sns.Topic.from_topic_arn(self, "Alarms", settings.alarm_topic)
            if settings.alarm_topic
            else self._define_alarm_topic(deployment)
        )

    def _define_alarm_topic(self, deployment: Deployment) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Alarms",
            display_name=f"Alarms of {deployment.name}",
            master_key=self.encryption_key,
            enforce_ssl=True,
        )
        # The statement that enforces TLS replaces SNS's default policy, which is what lets alarms of the account publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return topic


def encryption_key_of(scope: Construct, foundation: FoundationStack | None, settings: RegionBase) -> kms.IKey:
    """The region's key, for a stack: the foundation's, or without one the key that the configuration brings."""
    if foundation is not None:
        return foundation.encryption_key
    assert settings.encryption_key is not None
    return kms.Key.from_key_arn(scope, "Key", settings.encryption_key)


def alarm_topic_of(scope: Construct, foundation: FoundationStack | None, settings: RegionBase) -> sns.ITopic:
    """The region's alarm topic, for a stack: the foundation's, or without one the topic that the configuration brings."""
    if foundation is not None:
        return foundation.alarm_topic
    assert settings.alarm_topic is not None
    return sns.Topic.from_topic_arn(scope, "Alarms", settings.alarm_topic)
