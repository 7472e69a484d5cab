"""`RegionFailover`: moves a mirror set from one region to the other when two people have decided it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_intersystems.model.names import fenced_parameter, region_api_parameter, region_state_parameter
from cdk_intersystems.model.region_capacity import TierCapacity
from cdk_intersystems.model.region_document import region_document_name
from cdk_intersystems.model.region_latch import readiness_function_name, watch_function_name
from cdk_intersystems.region_failover.alarms import RegionFailoverAlarms
from cdk_intersystems.region_failover.api import define_api, url_of
from cdk_intersystems.region_failover.grants import (
    Moved,
    api_statements,
    api_wildcards,
    step_statements,
    step_wildcards,
)
from cdk_intersystems.region_failover.table import define_region_state
from cdk_intersystems.region_failover.workflow import define_workflow
from cdk_intersystems.region_routing.function import define_function
from cdk_intersystems.region_switch.region_switch import RegionSwitchPlan

_PACKAGE, _VARIABLE = "region_promotion", "REGION_PROMOTION"
# `core.SETTLE_SECONDS` of the function rests on the first; API Gateway gives up after half a minute, and a caller before.
_STEP_TIMEOUT, _API_TIMEOUT = Duration.seconds(60), Duration.seconds(29)


class RegionFailover(Construct):
    """Defines, in the DR region, what moves a mirror set there and back, and needs nothing of the other region to move it here.

    Somebody asks for a move by the API; a workflow looks what stands against it and waits for the approval of somebody else;
    then it fences the other region as far as that can be reached, raises the database's instance and the tiers to their
    full size, promotes in IRIS, lets Route 53's checkers see that this region holds the traffic, and reports. Every step can be
    repeated; until the point of no return the move can be cancelled.

    The functions call only AWS's APIs, of both regions. They stand outside the VPC, whose endpoints lead to one region's alone.

    `DrRegion` defines one for itself.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        mirror_set: str,
        old_region: str | None,
        system_names: Mapping[str, str],
        others: Mapping[str, str],
        full_instance_type: ec2.InstanceType,
        approvers: Sequence[str],
        requesters: Sequence[str],
        encryption_key: kms.IKey,
        home_role: str = "primary",
        warm_instance_type: ec2.InstanceType | None = None,
        fallback_types: Sequence[ec2.InstanceType] = (),
        tiers: Sequence[TierCapacity] = (),
        lag_limit_seconds: int = 60,
        approval_minutes: int = 30,
        region_switch: bool = False,
        powertools_layer: str | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Define what moves the mirror set.

        Args:
            scope: The construct this belongs to, in a stack of the DR region.
            id: Its id within the scope.
            deployment: Name of the deployment; instances and Auto Scaling groups carry it as a tag.
            mirror_set: Name of the mirror set.
            old_region: The home region. None: the home is on premises.
            system_names: The system name of each member of the DR region.
            others: System name of each failover member at home, with its address.
            full_instance_type: The instance type of a member that serves.
            approvers: ARNs of the IAM roles that may approve a move that somebody else has asked for.
            requesters: ARNs of the IAM roles that may ask for one. A role of either kind needs `execute-api:Invoke` on the API.
            encryption_key: The key for table and logs.
            home_role: `primary` or `on_premises`: who serves while nothing was moved. Default: `primary`.
            warm_instance_type: The instance type of a member that waits. Default: `full_instance_type`, nothing is raised.
            fallback_types: What is tried in this order if there is no capacity for the full type. Default: nothing, and the
                member stays what it is.
            tiers: The capacity of the DR region's tiers. Default: there are none.
            lag_limit_seconds: How far behind a member may be that is promoted without accepting loss. Default: a minute.
            approval_minutes: How long a move waits for its approval. Default: half an hour.
            region_switch: Whether moves are done at the pace of a plan of AWS's Region switch, which is then defined. Default:
                they are not, and Step Functions does them.
            powertools_layer: ARN of a layer with AWS Lambda Powertools for Python. Default: the public layer of the region.
            log_retention: How long logs are kept. Default: a year.
            alarm_topic: Where alarms go. Default: the alarms act on nothing but themselves.

        Raises:
            ValueError: If the home region is this one, or missing, or given for a home on premises, or there is to be a Region
                switch plan with a home on premises.
        """
        super().__init__(scope, id)
        _check_home(home_role, old_region, Stack.of(self).region)
        name = f"{deployment}-{mirror_set}-region"
        warm = (warm_instance_type or full_instance_type).to_string()
        types = [full_instance_type.to_string(), *(each.to_string() for each in fallback_types)]
        self._table = define_region_state(self, "RegionState", deployment=deployment, mirror_set=mirror_set, key=encryption_key)
        moved = Moved(
            scope=self,
            deployment=deployment,
            mirror_set=mirror_set,
            table=self._table,
            key=encryption_key,
            document=region_document_name(deployment, mirror_set),
            parameter=fenced_parameter(deployment, mirror_set),
            old_region=old_region,
            types=list(dict.fromkeys([*types, warm])),
            tiers=[tier.name for tier in tiers],
            watch=watch_function_name(deployment, mirror_set),
            readiness=readiness_function_name(deployment, mirror_set),
            state_machine=name,
        )
        settings: dict[str, Any] = {
            "deployment": deployment,
            "mirror_set": mirror_set,
            "table": self._table.table_name,
            "home": home_role,
            # Empty and not None, which the CDK would leave out.
            "old_region": old_region or "",
            "system_names": dict(system_names),
            "others": dict(others),
            "document": moved.document,
            "fenced_parameter": moved.parameter,
            "full_type": types[0],
            "fallback_types": types[1:],
            "warm_type": warm,
            "tiers": [
                {"name": each.name, "min": each.min, "max": each.max, "warm_min": each.warm_min, "warm_max": each.warm_max}
                for each in tiers
            ],
            "lag_limit_seconds": lag_limit_seconds,
            "approval_seconds": approval_minutes * 60,
            "approvers": list(approvers),
            "requesters": list(requesters),
            "watch": moved.watch,
            "readiness": moved.readiness,
            "state_machine": moved.machine,
        }
        shared: dict[str, Any] = {
            "package": _PACKAGE,
            "variable": _VARIABLE,
            "settings": settings,
            "place": None,
            "powertools_layer": powertools_layer,
            "key": encryption_key,
            "log_retention": log_retention,
        }
        self._function, _ = define_function(
            Construct(self, "Steps"),
            name=f"{name}-steps",
            description=f"Runs the steps of moves of mirror {mirror_set} of {deployment} between regions",
            statements=step_statements(moved),
            wildcards=step_wildcards(moved),
            timeout=_STEP_TIMEOUT,
            **shared,
        )
        self._switch = (
            RegionSwitchPlan(
                self,
                "RegionSwitch",
                moved=moved,
                steps=self._function,
                steps_name=f"{name}-steps",
                approval_minutes=approval_minutes,
                shared=shared,
            )
            if region_switch
            else None
        )
        if self._switch is not None:
            shared["settings"] = {**settings, "plan": self._switch.plan_name, "plan_arn": self._switch.plan_arn}
        asked, _ = define_function(
            Construct(self, "Requests"),
            name=f"{name}-requests",
            description=f"Takes requests for moves of mirror {mirror_set} of {deployment}, and their approvals",
            statements=api_statements(moved, self._switch.plan_arn if self._switch else None),
            wildcards=api_wildcards(moved),
            timeout=_API_TIMEOUT,
            entry="api",
            **shared,
        )
        self._workflow = define_workflow(
            self, name=name, function=self._function, key=encryption_key, log_retention=log_retention
        )
        self._api = define_api(self, name=name, function=asked, key=encryption_key, log_retention=log_retention)
        for id_, parameter, value, says in (
            ("ApiParameter", region_api_parameter(deployment, mirror_set), self.api_url, "address of the API"),
            ("TableParameter", region_state_parameter(deployment, mirror_set), self._table.table_name, "name of the table"),
        ):
            ssm.StringParameter(
                self,
                id_,
                parameter_name=parameter,
                string_value=value,
                description=f"Moves of mirror {mirror_set} of {deployment} between regions: {says}",
            )
        RegionFailoverAlarms(
            self,
            "Alarms",
            deployment=deployment,
            mirror_set=mirror_set,
            function=self._function,
            workflow=self._workflow,
            topic=alarm_topic,
        )

    @property
    def table(self) -> dynamodb.ITable:
        """The table that says which region serves."""
        return self._table

    @property
    def state_machine(self) -> stepfunctions.IStateMachine:
        """The workflow."""
        return self._workflow

    @property
    def function(self) -> lambda_.IFunction:
        """The function that runs the workflow's steps."""
        return self._function

    @property
    def region_switch(self) -> RegionSwitchPlan | None:
        """The Region switch plan, if there is one."""
        return self._switch

    @property
    def api(self) -> apigatewayv2.IHttpApi:
        """The API by which people ask for moves and approve them."""
        return self._api

    @property
    def api_url(self) -> str:
        """Its address."""
        return url_of(self._api)


def _check_home(home_role: str, old_region: str | None, region: str) -> None:
    if home_role not in ("primary", "on_premises"):
        raise ValueError(f"home_role needs primary or on_premises, got {home_role!r}")
    if (old_region is None) != (home_role == "on_premises"):
        raise ValueError(f"old_region needs the home region if home_role is primary, and None else, got {old_region!r}")
    if old_region == region:
        raise ValueError(f"old_region needs another region than that of the stack, got {old_region} for both")
