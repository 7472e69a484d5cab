"""The bucket of a latch of the kind `s3_object`: nothing in it but one object, and that one for anybody to read."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_intersystems.model.region_latch import LATCH_OBJECT
from cdk_intersystems.policy.acknowledge import acknowledge

# What was the latch a day ago nobody reads.
_OLD_VERSIONS_KEPT = Duration.days(1)


def define_latch_bucket(scope: Construct, id: str) -> s3.Bucket:
    """Define the bucket.

    Route 53's checkers sign no request, so that the object has to be readable by anybody; its content is a number. Nobody but
    the watch function writes it, and nobody may list what is there. It is encrypted with S3's own keys: what a KMS key
    encrypts, nobody reads unsigned.
    """
    bucket = s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        # A policy may make an object public, and no access control list.
        block_public_access=s3.BlockPublicAccess(
            block_public_acls=True, ignore_public_acls=True, block_public_policy=False, restrict_public_buckets=False
        ),
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=_OLD_VERSIONS_KEPT)],
        removal_policy=RemovalPolicy.RETAIN,
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="LatchForRoute53",
            principals=[iam.AnyPrincipal()],
            actions=["s3:GetObject"],
            resources=[bucket.arn_for_objects(LATCH_OBJECT)],
        )
    )
    acknowledge(
        bucket,
        {
            "AwsSolutions-S1": _NO_LOG,
            "AwsSolutions-S2": _PUBLIC,
            "IRIS-36": _PUBLIC,
            "HIPAA.Security-S3BucketLevelPublicAccessProhibited": _PUBLIC,
            "NIST.800.53.R5-S3BucketLevelPublicAccessProhibited": _PUBLIC,
            "HIPAA.Security-S3BucketPublicReadProhibited": _PUBLIC,
            "NIST.800.53.R5-S3BucketPublicReadProhibited": _PUBLIC,
            "HIPAA.Security-S3BucketPublicWriteProhibited": _PUBLIC,
            "NIST.800.53.R5-S3BucketPublicWriteProhibited": _PUBLIC,
            "HIPAA.Security-S3BucketLoggingEnabled": _NO_LOG,
            "NIST.800.53.R5-S3BucketLoggingEnabled": _NO_LOG,
            "HIPAA.Security-S3BucketReplicationEnabled": _NOT_REPLICATED,
            "NIST.800.53.R5-S3BucketReplicationEnabled": _NOT_REPLICATED,
            "HIPAA.Security-S3DefaultEncryptionKMS": _NO_KMS,
            "NIST.800.53.R5-S3DefaultEncryptionKMS": _NO_KMS,
        },
    )
    assert bucket.policy is not None
    acknowledge(bucket.policy, {"IRIS-36": _PUBLIC})
    return bucket


def keep_latch(bucket: s3.Bucket, writer: iam.IRole) -> None:
    """Have nobody but one role write or take away what is in the bucket: Route 53 would follow whoever does.

    Args:
        bucket: The bucket.
        writer: The watch function's role.
    """
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyButTheWatch",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
            resources=[bucket.arn_for_objects("*")],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": writer.role_arn}},
        )
    )


_PUBLIC = (
    "the YAML says that this latch may be public: its one object, whose content is a number, can be read by anybody, as Route "
    "53's checkers sign no request; nobody can list, and only the watch function's role may write, that one key"
)
_NO_LOG = (
    "Route 53's checkers ask for the one object several times a second, for ever; who writes it is in the watch function's log "
    "and in the table of the regions' state"
)
_NOT_REPLICATED = (
    "the latch has to be in the DR region alone; its content follows from the table of the regions' state, by which the watch "
    "function writes it anew each minute"
)
_NO_KMS = "what a KMS key encrypts can't be read unsigned; the bucket is encrypted with S3's own keys and refuses HTTP"
