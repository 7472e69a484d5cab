"""What a mirror's hosts get and may do so that they set themselves up."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_intersystems.failover_automation.failover_automation import FailoverAutomation
from cdk_intersystems.host_bundle.host_bundle import HostBundle, write_parameters_once
from cdk_intersystems.identity.instance_role import read_secrets
from cdk_intersystems.mirrored_database.secrets import (
    CertificateAuthority,
    define_authority,
    make_authority,
    read_secrets_and_authority,
)
from cdk_intersystems.model.host_description import MirrorFacts
from cdk_intersystems.model.host_files import mirror_files
from cdk_intersystems.model.host_memory import host_memory
from cdk_intersystems.model.host_settings import SecretArns
from cdk_intersystems.model.instance_types import table
from cdk_intersystems.model.memory import SharedMemory, shared_memory
from cdk_intersystems.model.memory_choices import MemoryChoice
from cdk_intersystems.model.names import authority_parameter, created_parameter, fenced_parameter
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


@dataclass(frozen=True, kw_only=True)
class Software:
    """With what a mirror's hosts set themselves up.

    Args:
        bundle: Their bundle; None if they don't.
        authority: What issues their certificates; None if nothing does.
        access: What a failover member may do for that.
        arbiter_access: What the arbiter may.
    """

    bundle: HostBundle | None
    authority: CertificateAuthority | None
    access: Sequence[iam.PolicyStatement]
    arbiter_access: Sequence[iam.PolicyStatement]


def define_software(
    scope: Construct,
    *,
    platform: Platform | None,
    facts: MirrorFacts,
    volumes: MemberVolumes,
    instance_type: str,
    full_instance_type: str,
    memory_mib: int | None,
    vcpus: int | None,
    max_server_conn: int,
    password: secretsmanager.ISecret,
    gateway_password: secretsmanager.ISecret,
    license_secret: secretsmanager.ISecret | None,
    certificate_authority: CertificateAuthority | None,
    encryption_key: kms.IKey,
    log_group: logs.ILogGroup,
    automation: FailoverAutomation,
) -> Software:
    """Define what a mirror's hosts set themselves up with: certificate authority and bundle.

    Args:
        scope: The construct it belongs to.
        platform: What the hosts run on. None: they don't set themselves up, and may just read their secrets.
        facts: The mirror.
        volumes: The volumes of each failover member.
        instance_type: The type of each.
        full_instance_type: The type a promotion gives them.
        memory_mib: Its memory, where the library doesn't know the type.
        vcpus: The number of its vCPUs, likewise.
        max_server_conn: The most ECP clients of each.
        password: Password of IRIS's predefined accounts.
        gateway_password: Password of CSPSystem.
        license_secret: The licence key, if there is one.
        certificate_authority: What issues certificates. None: a new secret, in which the first member makes an authority.
        encryption_key: The key of a new secret.
        log_group: The hosts' log group.
        automation: The failover automation, which members call out to.
    """
    if platform is None:
        own = read_secrets(scope, password, license_secret)
        return Software(bundle=None, authority=certificate_authority, access=own, arbiter_access=[])
    memory = host_memory(
        "member",
        instance_type,
        whose=facts.name,
        architecture=platform.architecture,
        memory_mib=memory_mib,
        vcpus=vcpus,
        max_server_conn=max_server_conn,
    )
    choices = _choices(instance_type, full_instance_type, memory_mib, memory)
    authority = certificate_authority or define_authority(scope, "Authority", encryption_key, facts.name)
    secrets = HostSecrets(password=password, gateway=gateway_password, license=license_secret, authority=authority)
    bundle = HostBundle(
        scope,
        "Bootstrap",
        deployment=facts.deployment,
        group=facts.name,
        files=mirror_files(platform, facts, volumes=volumes, memory=memory, choices=choices),
        secrets=secrets.arns(),
        log_group=log_group,
        call_out=automation.call_out,
    )
    return Software(
        bundle=bundle,
        authority=authority,
        access=[*member_access(scope, bundle, platform, facts, secrets), *automation.member_access(scope)],
        arbiter_access=bundle.read(scope, objects=(platform.arbiter_kit, platform.archive)),
    )


def _choices(instance_type: str, full_instance_type: str, memory_mib: int | None, memory: SharedMemory) -> list[MemoryChoice]:
    """The shared memory for the two types a member has in turn; none where it has one, or the library doesn't know both."""
    waiting, serving = table().get(instance_type), table().get(full_instance_type)
    least = memory_mib or (waiting.memory_mib if waiting else 0)
    if serving is None or serving.memory_mib <= least:
        return []
    larger = shared_memory("member", memory_mib=serving.memory_mib, vcpus=serving.vcpus, max_server_conn=memory.max_server_conn)
    return [MemoryChoice(memory_mib=least, memory=memory), MemoryChoice(memory_mib=serving.memory_mib, memory=larger)]


def member_access(
    scope: Construct, bundle: HostBundle, platform: Platform, facts: MirrorFacts, secrets: HostSecrets
) -> list[iam.PolicyStatement]:
    """What a failover member may do to set itself up: its bundle, software and secrets, and the two things it writes.

    In a mirror of two regions it also reads whether it was shut out, which the automation of the regions writes.

    Args:
        scope: A construct of a stack in the hosts' region.
        bundle: Its bundle.
        platform: What it runs on.
        facts: The mirror.
        secrets: Its secrets.
    """
    written = [name(facts.deployment, facts.name) for name in (created_parameter, authority_parameter)]
    fenced = [fenced_parameter(facts.deployment, facts.name)] if facts.region_state else []
    return [
        *bundle.read(scope, parameters=[*written, *fenced], objects=(platform.kit, platform.archive)),
        *secrets.read(scope),
        *make_authority(scope, secrets.authority),
        *write_parameters_once(scope, *written),
    ]
