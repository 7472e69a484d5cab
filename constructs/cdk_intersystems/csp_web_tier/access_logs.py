"""The bucket a load balancer's access logs go to."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_intersystems.policy.acknowledge import acknowledge

# As long as the log groups keep theirs by default.
_KEPT = Duration.days(365)
_OLD_VERSIONS_KEPT = Duration.days(30)


def define_access_log_bucket(scope: Construct, id: str) -> s3.Bucket:
    """Define a bucket for access logs: private, versioned, TLS only, kept when the stack goes, its content for a year.

    It is encrypted with S3's own keys: a load balancer writes its access logs to no bucket with a KMS key.
    """
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=_KEPT,
                noncurrent_version_expiration=_OLD_VERSIONS_KEPT,
                abort_incomplete_multipart_upload_after=Duration.days(7),
            )
        ],
        removal_policy=RemovalPolicy.RETAIN,
    )
    acknowledge(
        bucket,
        {
            "AwsSolutions-S1": _IS_A_LOG,
            "HIPAA.Security-S3BucketLoggingEnabled": _IS_A_LOG,
            "NIST.800.53.R5-S3BucketLoggingEnabled": _IS_A_LOG,
            "HIPAA.Security-S3BucketReplicationEnabled": _NOT_REPLICATED,
            "NIST.800.53.R5-S3BucketReplicationEnabled": _NOT_REPLICATED,
            "HIPAA.Security-S3DefaultEncryptionKMS": _NO_KMS,
            "NIST.800.53.R5-S3DefaultEncryptionKMS": _NO_KMS,
        },
    )
    return bucket


_IS_A_LOG = (
    "the bucket holds access logs itself, and one that logs its own access would never come to rest; "
    "who reads it is in CloudTrail where the account records S3 data events"
)
_NOT_REPLICATED = (
    "each region writes access logs of its own, so that nothing in the other region needs these; they are versioned"
)
_NO_KMS = (
    "an Application Load Balancer writes its access logs to no bucket with a KMS key; the bucket is encrypted with S3's own "
    "keys, refuses connections without TLS, and is private"
)
