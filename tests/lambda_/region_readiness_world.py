"""AWS as the readiness check sees it: moto in this process, with both regions, in which everything is as it should be."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

REGION, OLD_REGION, ACCOUNT = "eu-west-1", "eu-west-2", "123456789012"
TABLE = "one-TRAK-region-state"
PARAMETER = "/cdk-intersystems/one/TRAK/bootstrap"

STATUS: dict[str, Any] = {
    "system_name": "TRAKC",
    "member_type": "DR Async",
    "journal_lag_seconds": 2,
    "agents": {"TRAKA": True, "TRAKB": True},
    "certificate_expires": "2099-01-01T00:00:00Z",
}


@dataclass
class World:
    """Two regions of a mirror set.

    Attributes:
        said: Member -> what its `iris-region status` prints; an exception is raised when it is asked.
        quota: vCPUs that may run.
        changes: Settings that differ.
        told: The metrics of the last run.
    """

    said: dict[str, Any] = field(default_factory=lambda: {"a": STATUS, "b": STATUS})
    quota: float = 64.0
    changes: dict[str, Any] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ec2 = {region: boto3.client("ec2", region) for region in (REGION, OLD_REGION)}
        self.ssm = {region: boto3.client("ssm", region) for region in (REGION, OLD_REGION)}
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.iam = boto3.client("iam")
        self.secrets = boto3.client("secretsmanager", REGION)
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.vpc = self.ec2[REGION].create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        for service in ("dynamodb", "ssm"):
            self.ec2[REGION].create_vpc_endpoint(
                VpcId=self.vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", VpcEndpointType="Interface"
            )
        for region, ec2 in self.ec2.items():
            self.image = ec2.register_image(Name="iris", Architecture="x86_64", RootDeviceName="/dev/sda1")["ImageId"]
            for member in "ab":
                self.launch(ec2, region, member)
            self.ssm[region].put_parameter(Name=PARAMETER, Value="{}", Type="String")
        self.roles = {
            name: self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
            for name in ("Approvers", "Requesters")
        }
        self.secret = self.secrets.create_secret(Name="password", SecretString="x")["ARN"]
        self.reset()

    def reset(self) -> None:
        """Everything is as it should be again: moto takes seconds to make a world."""
        self.said, self.quota, self.changes, self.told = {"a": STATUS, "b": STATUS}, 64.0, {}, {}
        for item in ("TRAK", "TRAK#current", "TRAK#readiness"):
            self.dynamodb.delete_item(TableName=TABLE, Key={"key": {"S": item}})
        self.put("TRAK#rehearsal", completed_at={"S": "2999-01-01T00:00:00Z"}, ok={"BOOL": True})
        self.ssm[REGION].put_parameter(Name=PARAMETER, Value="{}", Type="String", Overwrite=True)
        self.secrets.restore_secret(SecretId=self.secret)

    def launch(self, ec2: Any, region: str, member: str) -> None:
        """Starts an instance that is tagged as a member."""
        names = {"deployment": "one", "mirror-set": "TRAK", "member": member}
        tags = [{"Key": f"cdk-intersystems:{key}", "Value": value} for key, value in names.items()]
        made = ec2.run_instances(
            ImageId=self.image,
            InstanceType="r5.xlarge",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": f"{region}a"},
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"][0]
        if region == REGION:
            self.instances[made["InstanceId"]] = member

    def put(self, key: str, **item: Any) -> None:
        """Writes an item of the table."""
        self.dynamodb.put_item(TableName=TABLE, Item={"key": {"S": key}, **item})

    def report(self) -> dict[str, Any]:
        """The report as it lies in the table."""
        item: dict[str, Any] = self.dynamodb.get_item(TableName=TABLE, Key={"key": {"S": "TRAK#readiness"}})["Item"]
        return item

    def settings(self) -> dict[str, Any]:
        """What the function is told."""
        given = {
            "deployment": "one",
            "mirror_set": "TRAK",
            "table": TABLE,
            "document": "cdk-intersystems-one-TRAK-region",
            "old_region": OLD_REGION,
            "vpc": self.vpc,
            "endpoints": ["dynamodb", "ssm"],
            "instances": {"r5.xlarge": 2, "c5.xlarge": 4},
            "full_type": "r5.xlarge",
            "fallback_types": ["r5.2xlarge"],
            "parameters": [PARAMETER],
            "certificates": [],
            "secrets": [self.secret],
            "approvers": [self.roles["Approvers"]],
            "requesters": [self.roles["Requesters"]],
            "lag_limit_seconds": 60,
        }
        return {**given, **self.changes}

    def send(self, **request: Any) -> dict[str, Any]:
        """As `SendCommand` does: the members' own tags are the permission."""
        assert request["DocumentName"] == "cdk-intersystems-one-TRAK-region"
        assert request["Parameters"] == {"Command": ["status"]}
        (instance,) = request["InstanceIds"]
        said = self.said[self.instances[instance]]
        if isinstance(said, Exception):
            raise said
        return {"Command": {"CommandId": instance}}

    def invocation(self, CommandId: str, InstanceId: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        """As `GetCommandInvocation` does."""
        assert CommandId == InstanceId
        said = self.said[self.instances[InstanceId]]
        printed = said if isinstance(said, str) else json.dumps(said)
        return {"Status": "Success", "StandardOutputContent": printed}

    def invoke(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invokes the function; what it told of metrics is in `told`."""
        from region_readiness import handler
        from region_readiness.settings import settings

        settings.cache_clear()
        handler.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        self.told = {}
        add = handler.metrics.add_metric
        quotas = mock.Mock()
        quotas.get_service_quota.side_effect = lambda **_request: {"Quota": {"Value": self.quota}}
        known = handler.client

        def note(name: str, unit: Any, value: float) -> None:
            self.told[name] = value
            add(name, unit, value)

        def client(service: str, region: str | None = None) -> Any:
            if service == "service-quotas":
                return quotas
            return known(service, region) if region else known(service)

        asked = known("ssm")
        with (
            mock.patch.dict("os.environ", {"READINESS": json.dumps(self.settings())}),
            mock.patch.object(handler.metrics, "add_metric", note),
            mock.patch.object(handler, "client", client),
            mock.patch.object(asked, "send_command", self.send),
            mock.patch.object(asked, "get_command_invocation", self.invocation),
        ):
            answer: dict[str, Any] = handler.handler(event or {"kind": "check"}, None)
            return answer


@contextmanager
def readiness_world() -> Iterator[World]:
    """A world whose function is cold."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_METRICS_NAMESPACE": "cdk-intersystems",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    with mock.patch.dict("os.environ", environment), mock_aws():
        from region_readiness import handler

        handler.client.cache_clear()
        yield World()
        handler.client.cache_clear()
