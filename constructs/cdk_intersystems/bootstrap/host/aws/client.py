"""Calls of AWS's services in their two protocols, JSON and query, with the Python of the host alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Mapping
from urllib.parse import urlencode
from xml.etree import ElementTree

from ...first_boot import AwsError, Metadata, Requests

if TYPE_CHECKING:
    from ..context import Identity

__all__ = ["Aws", "AwsError"]

#: What JSON services are called in X-Amz-Target, and the minor version of their protocol. Source: their API references.
_TARGETS = {
    "ssm": ("AmazonSSM", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
    "logs": ("Logs_20140328", "1.1"),
    "acm-pca": ("ACMPrivateCA", "1.1"),
}
#: Versions of the query services' interfaces. Source: their API references.
_VERSIONS = {"ec2": "2016-11-15", "autoscaling": "2011-01-01"}


class Aws(Requests):
    """AWS, as the instance's role may use it in its region.

    Requests that meet throttling, a fault of AWS or no answer are repeated, about two minutes long.

    Attributes:
        region: The host's region.
        instance_id: The host.
    """

    def __init__(self, me: Identity) -> None:
        super().__init__(me.region, Metadata())
        self.instance_id = me.instance_id

    def json(self, service: str, action: str, request: Mapping[str, Any], about: str = "") -> dict[str, Any]:
        """Calls a service that speaks JSON.

        Args:
            service: `ssm`, `secretsmanager`, `logs` or `acm-pca`.
            action: The action, for example `GetParameter`.
            request: Its parameters.
            about: What it is about, for errors.

        Raises:
            AwsError: AWS refused it.
            StepError: AWS didn't answer.
        """
        prefix, version = _TARGETS[service]
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{prefix}.{action}"}
        answer = self.post(_name(service, action, about), service, headers, json.dumps(request).encode())
        return dict(json.loads(answer or "{}"))

    def query(self, service: str, action: str, request: Mapping[str, str], about: str = "") -> ElementTree.Element:
        """Calls a service that takes a form and answers in XML.

        Args:
            service: `ec2` or `autoscaling`.
            action: The action, for example `DescribeVolumes`.
            request: Its parameters, with the names that are sent.
            about: What it is about, for errors.

        Returns:
            The root of the answer; its names are without their namespace.

        Raises:
            AwsError: AWS refused it.
            StepError: AWS didn't answer.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urlencode({"Action": action, "Version": _VERSIONS[service], **request}).encode()
        answer = self.post(_name(service, action, about), service, headers, body)
        root = ElementTree.fromstring(answer)  # noqa: S314 (AWS's own, over TLS)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root


def _name(service: str, action: str, about: str) -> str:
    return f"{service} {action} {about}".rstrip()
