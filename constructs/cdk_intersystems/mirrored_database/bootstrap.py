"""What a mirror's hosts get and may do so that they set themselves up."""

from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_intersystems.host_bundle.host_bundle import HostBundle, write_parameters_once
from cdk_intersystems.mirrored_database.secrets import CertificateAuthority, make_authority, read_secrets_and_authority
from cdk_intersystems.model.host_description import MirrorFacts
from cdk_intersystems.model.host_files import mirror_files
from cdk_intersystems.model.host_settings import CallOut, SecretArns
from cdk_intersystems.model.memory import SharedMemory
from cdk_intersystems.model.names import authority_parameter, created_parameter
from cdk_intersystems.model.platform import Platform
from cdk_intersystems.model.storage import MemberVolumes


@dataclass(frozen=True, kw_only=True)
class HostSecrets:
    """The secrets of hosts that run IRIS.

    Args:
        password: Password of IRIS's predefined accounts.
        gateway: Password of CSPSystem.
        license: The licence key; None if the image has it, or none is needed.
        authority: What issues certificates.
    """

    password: secretsmanager.ISecret
    gateway: secretsmanager.ISecret
    license: secretsmanager.ISecret | None
    authority: CertificateAuthority

    def arns(self) -> SecretArns:
        """Their ARNs, as hosts are told of them."""
        return SecretArns(
            password=self.password.secret_arn,
            gateway=self.gateway.secret_arn,
            license=self.license.secret_arn if self.license else "",
            authority="" if isinstance(self.authority, str) else self.authority.secret_arn,
        )

    def read(self, scope: Construct) -> list[iam.PolicyStatement]:
        """The statements that let a host read them, and issue its certificate."""
        return read_secrets_and_authority(scope, self.authority, self.password, self.gateway, self.license)


def define_mirror_bundle(
    scope: Construct,
    *,
    platform: Platform,
    facts: MirrorFacts,
    volumes: MemberVolumes,
    memory: SharedMemory,
    secrets: HostSecrets,
    log_group: logs.ILogGroup,
    call_out: CallOut,
) -> HostBundle:
    """Define the bundle of a mirror's hosts.

    Args:
        scope: The construct it belongs to.
        platform: What the hosts run on.
        facts: The mirror.
        volumes: The volumes of each failover member.
        memory: The shared memory of each.
        secrets: Their secrets.
        log_group: Their log group.
        call_out: Table and queue of the failover automation.
    """
    return HostBundle(
        scope,
        "Bootstrap",
        deployment=facts.deployment,
        group=facts.name,
        files=mirror_files(platform, facts, volumes=volumes, memory=memory),
        secrets=secrets.arns(),
        log_group=log_group,
        call_out=call_out,
    )


def member_access(
    scope: Construct, bundle: HostBundle, platform: Platform, facts: MirrorFacts, secrets: HostSecrets
) -> list[iam.PolicyStatement]:
    """What a failover member may do to set itself up: its bundle, software and secrets, and the two things it writes.

    Args:
        scope: A construct of a stack in the hosts' region.
        bundle: Its bundle.
        platform: What it runs on.
        facts: The mirror.
        secrets: Its secrets.
    """
    written = [name(facts.deployment, facts.name) for name in (created_parameter, authority_parameter)]
    return [
        *bundle.read(scope, parameters=written, objects=(platform.kit, platform.archive)),
        *secrets.read(scope),
        *make_authority(scope, secrets.authority),
        *write_parameters_once(scope, *written),
    ]
