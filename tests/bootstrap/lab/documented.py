"""What hosts need of AWS and the embedded AWS doesn't do: answered here, as AWS's API references document it.

CloudFormation SignalResource, Auto Scaling's lifecycle actions, AWS Private CA, and that Secrets Manager refuses another
content under the client token of a version that is there.
"""

import base64
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tests.bootstrap.lab.imds import Machine
from tests.bootstrap.lab.namespaces import run
from tests.bootstrap.lab.wire import Answer, Request, accept, refuse


@dataclass(frozen=True)
class Signal:
    """A signal that CloudFormation took."""

    stack: str
    resource: str
    unique_id: str
    status: str


class Documented:
    """The answers, and what was asked."""

    def __init__(self, machine_of: Callable[[str], Machine | None]) -> None:
        """Begins.

        Args:
            machine_of: From an instance id to its machine.
        """
        self.signals: list[Signal] = []
        self.lifecycle: list[tuple[str, str]] = []
        self._machine_of = machine_of
        self._once: dict[tuple[str, str], str] = {}
        self._authorities: dict[str, PrivateCa] = {}
        self._answers: dict[tuple[str, str], Callable[[Request], Answer | None]] = {
            ("cloudformation", "SignalResource"): self._signal,
            ("autoscaling", "DescribeAutoScalingInstances"): self._describe_instances,
            ("autoscaling", "CompleteLifecycleAction"): self._lifecycle_action,
            ("autoscaling", "RecordLifecycleActionHeartbeat"): self._lifecycle_action,
            ("secretsmanager", "PutSecretValue"): self._put_secret,
            ("acm-pca", "DescribeCertificateAuthority"): self._describe_authority,
            ("acm-pca", "IssueCertificate"): self._issue,
            ("acm-pca", "GetCertificate"): self._get_certificate,
            ("acm-pca", "GetCertificateAuthorityCertificate"): self._authority_certificate,
        }

    def answer(self, request: Request) -> Answer | None:
        """Answers a request, or None if the embedded AWS is to do it."""
        known = self._answers.get((request.service, request.action))
        return known(request) if known else None

    def corrected(self, request: Request, answer: Answer) -> Answer:
        """What the embedded AWS said, where AWS would have said something else: a secret that has no value yet isn't found."""
        # CloudFormation's, of the embedded AWS, is empty instead.
        if request.action == "GetSecretValue" and answer.status == 200 and not json.loads(answer.body).get("SecretString"):
            message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            return refuse(request, "ResourceNotFoundException", 400, message)
        return answer

    def private_ca(self, arn: str) -> "PrivateCa":
        """Makes a private CA."""
        self._authorities[arn] = PrivateCa(arn)
        return self._authorities[arn]

    def _signal(self, request: Request) -> Answer:
        asked = request.parameters
        signal = Signal(asked["StackName"], asked["LogicalResourceId"], asked["UniqueId"], asked["Status"])
        if any((each.resource, each.unique_id) == (signal.resource, signal.unique_id) for each in self.signals):
            message = f"Resource {signal.resource} is in CREATE_COMPLETE state and cannot be signaled"
            return refuse(request, "ValidationError", 400, message)
        self.signals.append(signal)
        return accept(request)

    def _describe_instances(self, request: Request) -> Answer:
        machine = self._machine_of(request.parameters.get("InstanceIds.member.1", ""))
        if machine is None or not machine.group:
            return accept(request, "<AutoScalingInstances/>")
        member = f"<InstanceId>{machine.instance_id}</InstanceId><AutoScalingGroupName>{machine.group}</AutoScalingGroupName>"
        return accept(request, f"<AutoScalingInstances><member>{member}</member></AutoScalingInstances>")

    def _lifecycle_action(self, request: Request) -> Answer:
        asked = request.parameters
        machine = self._machine_of(asked.get("InstanceId", ""))
        wanted = (asked.get("AutoScalingGroupName"), asked.get("LifecycleHookName"))
        if machine is None or machine.waits_in is None or (machine.group, machine.waits_in) != wanted:
            message = f"No active Lifecycle Action found with instance ID {asked.get('InstanceId')}"
            return refuse(request, "ValidationError", 400, message)
        self.lifecycle.append((request.action, machine.instance_id))
        if request.action == "CompleteLifecycleAction":
            machine.waits_in = None
        return accept(request)

    def _put_secret(self, request: Request) -> Answer | None:
        asked = request.parameters
        token = asked.get("ClientRequestToken")
        if token is None:
            return None
        if not 32 <= len(token) <= 64:
            return refuse(request, "ValidationException", 400, "ClientRequestToken must have length between 32 and 64")
        before = self._once.setdefault((asked["SecretId"], token), asked["SecretString"])
        if before == asked["SecretString"]:
            return None
        return refuse(request, "ResourceExistsException", 400, "You can't use ClientRequestToken for another version.")

    def _describe_authority(self, request: Request) -> Answer:
        authority = self._authorities.get(request.parameters["CertificateAuthorityArn"])
        if authority is None:
            return refuse(request, "ResourceNotFoundException", 400, "Could not find the certificate authority.")
        configuration = {"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA"}
        described = {"Arn": authority.arn, "Status": "ACTIVE", "CertificateAuthorityConfiguration": configuration}
        return accept(request, {"CertificateAuthority": described})

    def _issue(self, request: Request) -> Answer:
        asked = request.parameters
        if asked["SigningAlgorithm"] != "SHA256WITHECDSA":
            return refuse(request, "InvalidArgsException", 400, "The signing algorithm does not match the key of the CA.")
        authority = self._authorities[asked["CertificateAuthorityArn"]]
        arn = authority.issue(
            base64.b64decode(asked["Csr"]).decode(), int(asked["Validity"]["Value"]), asked["IdempotencyToken"]
        )
        return accept(request, {"CertificateArn": arn})

    def _get_certificate(self, request: Request) -> Answer:
        asked = request.parameters
        authority = self._authorities[asked["CertificateAuthorityArn"]]
        issued = authority.issued(asked["CertificateArn"])
        if issued is None:
            return refuse(request, "RequestInProgressException", 400, "The certificate is being issued.")
        return accept(request, {"Certificate": issued, "CertificateChain": authority.certificate})

    def _authority_certificate(self, request: Request) -> Answer:
        # A root CA has no chain.
        return accept(request, {"Certificate": self._authorities[request.parameters["CertificateAuthorityArn"]].certificate})


class PrivateCa:
    """A private root CA; certificates come a moment after they were asked for."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._folder = tempfile.TemporaryDirectory(prefix="lab-ca-")
        self._path = Path(self._folder.name)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key")
        self._openssl("req", "-x509", *key, "-subj", "/O=lab/CN=lab root", "-days", "3650", "-out", "ca.pem")
        self.certificate = (self._path / "ca.pem").read_text()
        self._certificates: dict[str, str] = {}
        self._asked_for: set[str] = set()

    def _openssl(self, *words: str, stdin: str = "") -> str:
        return run(["sh", "-ec", 'cd "$0"; exec openssl "$@" 2>&1', self._path, *words], stdin=stdin)

    def issue(self, csr: str, days: int, token: str) -> str:
        """Issues a certificate by the template EndEntityCertificate/V1; the same token gets the same one."""
        arn = f"{self.arn}/certificate/{token[:32]}"
        if arn not in self._certificates:
            (self._path / "request.pem").write_text(csr)
            usage = "critical,digitalSignature,keyEncipherment"
            (self._path / "extensions").write_text(
                f"basicConstraints=CA:FALSE\nkeyUsage={usage}\nextendedKeyUsage=serverAuth,clientAuth\n"
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
            )
            by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions", "-copy_extensions", "copy")
            self._openssl("x509", "-req", "-in", "request.pem", "-days", str(days), *by, "-out", "issued.pem")
            self._certificates[arn] = (self._path / "issued.pem").read_text()
        return arn

    def issued(self, arn: str) -> str | None:
        """A certificate; the first time it is asked for it isn't there yet."""
        if arn not in self._asked_for:
            self._asked_for.add(arn)
            return None
        return self._certificates[unquote(arn)]
