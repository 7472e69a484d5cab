"""Rules about the failover automation: who leads clients may do that and nothing else, and nobody else may."""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cdk_intersystems.model import tags
from cdk_intersystems.model.ports import MIRROR_STATUS_PORT
from cdk_intersystems.policy.rules.assembly import Assembly, Resource
from cdk_intersystems.policy.rules.mirrors import INSTANCE, LISTENER, members, mirror_set_of
from cdk_intersystems.policy.rules.rule import Finding, rule
from cdk_intersystems.policy.rules.security_groups import INTERFACE, group_rules, group_users, groups_of

FUNCTION = "AWS::Lambda::Function"
ROUTE = "AWS::EC2::Route"
QUEUE = "AWS::SQS::Queue"
TABLE = "AWS::DynamoDB::Table"
POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
_VIP = re.compile(r'\\?"vip\\?": ?\\?"([0-9.]+)\\?"')
_HTTPS = 443
# What the CDK states in a group that is to let nothing out.
_NOBODY = "255.255.255.255/32"
_LEADING_KEYS = "dynamodb:LeadingKeys"
WRITES_ITEMS = (
    "dynamodb:UpdateItem",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
)
_LEADS_ROUTES = ("ec2:CreateRoute", "ec2:ReplaceRoute")


@rule(
    "IRIS-26",
    "no template leads a VIP, which is outside every VPC of the app: its routes are the router's",
    fix="leave the routes out, and let the router of the mirror set make them: a deployment would lead clients back",
)
def vip_is_the_routers(app: Assembly) -> Iterator[Finding]:
    """CloudFormation would own what a failover has to change."""
    vips = {vip: function for function in routers(app) for vip in _vips(function)}
    hosts = {member.host.identity for member in members(app)}
    for route in app.resources(ROUTE):
        destination = str(route.properties.get("DestinationCidrBlock", ""))
        to_member = app.identity(route.stack, route.properties.get("InstanceId", "")) in hosts
        if to_member or destination.removesuffix("/32") in vips:
            yield Finding(route, f"a route of the template leads {destination}", "Properties.DestinationCidrBlock")
    for vpc in app.resources("AWS::EC2::VPC"):
        network = vpc.properties.get("CidrBlock")
        for vip, function in vips.items():
            if isinstance(network, str) and IPv4Address(vip) in IPv4Network(network):
                message = f"the VIP {vip} is inside {network}, and no route leads an address of the VPC's own"
                yield Finding(function, message, "Properties.Environment")


@rule(
    "IRIS-27",
    "EC2's check of source and destination is off on failover members that a VIP is led to, and on nothing else",
    fix="give MirroredDatabase the VIP; leave SourceDestCheck out everywhere else",
)
def source_check_off_for_a_vip_alone(app: Assembly) -> Iterator[Finding]:
    """Without it a host can send and take packets of any address."""
    led = {mirror_set_of(function) for function in routers(app) if _vips(function)}
    takes_routes = {member.host.identity for member in members(app) if member.is_failover and member.mirror_set in led}
    for host in app.resources(INSTANCE, INTERFACE):
        is_off = host.properties.get("SourceDestCheck") is False
        if is_off and host.identity not in takes_routes:
            yield Finding(host, "the check is off, and no VIP is led there", "Properties.SourceDestCheck")
        if not is_off and host.identity in takes_routes:
            yield Finding(host, "the check is on, so that EC2 drops what is for the VIP", "Properties.SourceDestCheck")


@rule(
    "IRIS-28",
    "a router has a security group of its own, which nobody may connect to and which reaches members' mirror status and HTTPS",
    fix="use FailoverAutomation, which defines the group",
)
def router_is_isolated(app: Assembly) -> Iterator[Finding]:
    """What can move the clients' routes is no way into the database."""
    statuses = {group for member in members(app) if member.is_failover for group in groups_of(app, member.host)}
    users = group_users(app)
    for function in routers(app):
        groups = {
            app.identity(function.stack, each) for each in function.properties.get("VpcConfig", {}).get("SecurityGroupIds", [])
        }
        if not groups:
            yield Finding(function, "the function states no security group", "Properties.VpcConfig")
        for group in groups & users.keys():
            yield Finding(function, f"{users[group][0].identity} has the same security group", "Properties.VpcConfig")
        for stated in group_rules(app):
            if stated.group not in groups or stated.peer == _NOBODY:
                continue
            ports = (stated.protocol, stated.first, stated.last)
            asks = stated.peer_kind == "group" and stated.peer in statuses and ports == ("tcp", *[MIRROR_STATUS_PORT] * 2)
            if stated.direction == "ingress":
                yield Finding(stated.resource, f"{stated.ports} to the router is open to {stated.peer}", stated.location)
            elif not asks and ports != ("tcp", _HTTPS, _HTTPS):
                yield Finding(stated.resource, f"the router reaches {stated.ports} of {stated.peer}", stated.location)


@rule(
    "IRIS-29",
    "a mirror set's queues are FIFO, encrypted with a key of one's own, reached by TLS alone and by nobody through their own "
    "policy, and park what can't be done; its table is encrypted so, can be restored, and outlives its stack",
    fix="use FailoverAutomation, which defines them",
)
def records_are_kept(app: Assembly) -> Iterator[Finding]:
    """Who is routed is said by the table, and whoever can write to the queue wakes the router."""
    queues = [queue for queue in app.resources(QUEUE) if mirror_set_of(queue)]
    parks = {
        app.identity(queue.stack, queue.properties["RedrivePolicy"]["deadLetterTargetArn"])
        for queue in queues
        if "RedrivePolicy" in queue.properties
    }
    for queue in queues:
        if queue.properties.get("FifoQueue") is not True:
            yield Finding(queue, "the queue keeps no order", "Properties.FifoQueue")
        if not _is_own_key(queue.properties.get("KmsMasterKeyId")):
            yield Finding(queue, "the queue is not encrypted with a key of one's own", "Properties.KmsMasterKeyId")
        if queue.identity not in parks and "RedrivePolicy" not in queue.properties:
            yield Finding(queue, "messages that nothing can be done with are lost", "Properties.RedrivePolicy")
        yield from _by_tls_alone(app, queue)
    for table in app.resources(TABLE):
        if mirror_set_of(table) or is_region_state(table):
            yield from _kept(table)


@rule(
    "IRIS-30",
    "members write their claim alone, a router the record of what is routed, this deployment's route tables and its listeners",
    fix="use FailoverAutomation.member_access, and leave the router's role as it is",
)
def writes_its_own_alone(app: Assembly) -> Iterator[Finding]:
    """Nobody deletes a record or a route: clients would be led nowhere."""
    roles = {app.identity(function.stack, function.properties.get("Role")) for function in routers(app)}
    for policy in app.resources(*POLICIES) if roles else ():
        of_router = any(app.identity(policy.stack, role) in roles for role in policy.properties.get("Roles", []))
        for statement in listed(policy.properties.get("PolicyDocument", {}).get("Statement", [])):
            if statement.get("Effect") == "Allow":
                for message in _too_much(app, policy, statement, of_router=of_router):
                    yield Finding(policy, message, "Properties.PolicyDocument")


FAILOVER_RULES = (
    vip_is_the_routers,
    source_check_off_for_a_vip_alone,
    router_is_isolated,
    records_are_kept,
    writes_its_own_alone,
)


def routers(app: Assembly) -> Iterator[Resource]:
    """The routers of the app's mirror sets."""
    for function in app.resources(FUNCTION):
        if "ROUTER" in function.properties.get("Environment", {}).get("Variables", {}):
            yield function


def is_region_state(table: Resource) -> bool:
    """Whether a table says which region holds a mirror."""
    return str(table.properties.get("TableName", "")).endswith("-region-state")


def _vips(function: Resource) -> list[str]:
    """The addresses that a router leads; the settings are JSON in parts, with references between them."""
    settings = function.properties["Environment"]["Variables"]["ROUTER"]
    return _VIP.findall(settings if isinstance(settings, str) else json.dumps(settings))


def _is_own_key(key: object) -> bool:
    """Whether a key is named by its own resource or ARN: an alias of AWS's names one that no policy of ours is on."""
    return key is not None and not (isinstance(key, str) and "alias/aws/" in key)


def _by_tls_alone(app: Assembly, queue: Resource) -> Iterator[Finding]:
    refuses = False
    for policy in app.resources("AWS::SQS::QueuePolicy"):
        if any(app.identity(policy.stack, each) == queue.identity for each in policy.properties["Queues"]):
            for statement in listed(policy.properties["PolicyDocument"]["Statement"]):
                if statement["Effect"] == "Allow":
                    yield Finding(policy, "the queue's own policy lets somebody in", "Properties.PolicyDocument")
                else:
                    plain = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
                    refuses = refuses or (plain == "false" and statement.get("Action") == "sqs:*")
    if not refuses:
        yield Finding(queue, "the queue takes requests without TLS", "Properties")


def _kept(table: Resource) -> Iterator[Finding]:
    properties = table.properties
    encryption: Mapping[str, Any] = properties.get("SSESpecification", {})
    if not (encryption.get("SSEEnabled") and _is_own_key(encryption.get("KMSMasterKeyId"))):
        yield Finding(table, "the table is not encrypted with a key of one's own", "Properties.SSESpecification")
    if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield Finding(table, "the table can't be restored", "Properties.PointInTimeRecoverySpecification")
    if not properties.get("DeletionProtectionEnabled"):
        yield Finding(table, "the table is not protected", "Properties.DeletionProtectionEnabled")
    if {table.body.get("DeletionPolicy"), table.body.get("UpdateReplacePolicy")} != {"Retain"}:
        yield Finding(table, "the table goes with its stack", "DeletionPolicy")


def _too_much(app: Assembly, policy: Resource, statement: Mapping[str, Any], *, of_router: bool) -> Iterator[str]:
    """What a statement allows beyond what the automation has to do, in words."""
    resources = listed(statement.get("Resource"))
    tables = [app.find(policy.stack, each) for each in resources]
    of_mirrors = any(map(_is_wild, resources)) or any(t and t.type == TABLE and mirror_set_of(t) for t in tables)
    for action in allowed(statement, *WRITES_ITEMS) if of_mirrors else ():
        if action != "dynamodb:UpdateItem":
            yield f"{action} of a record is nobody's to do"
        elif not _is_of_one_record(statement, of_router=of_router):
            yield f"{action} is allowed for more than {'the routed record' if of_router else 'the claim'}"
    if allowed(statement, "ec2:DeleteRoute"):
        yield "ec2:DeleteRoute would lead clients nowhere"
    if allowed(statement, *_LEADS_ROUTES) and not (of_router and _is_of_own_tables(statement, resources)):
        yield "routes of other route tables than the deployment's can be changed"
    if allowed(statement, "elasticloadbalancing:ModifyListener"):
        listeners = [app.find(policy.stack, each) for each in resources]
        if not of_router or not all(each and each.type == LISTENER for each in listeners):
            yield "other listeners than the endpoint's can be moved"


def listed(value: Any) -> list[Any]:
    """A value of a policy, which may be one or a list."""
    return value if isinstance(value, list) else [value]


def allowed(statement: Mapping[str, Any], *actions: str) -> list[str]:
    """Which of some actions a statement is about."""
    patterns = [str(each).lower() for each in listed(statement.get("Action", []))]
    return [action for action in actions if any(fnmatchcase(action.lower(), pattern) for pattern in patterns)]


def _is_of_one_record(statement: Mapping[str, Any], *, of_router: bool) -> bool:
    conditions: Mapping[str, Any] = statement.get("Condition", {})
    keys = listed(conditions.get("ForAllValues:StringEquals", {}).get(_LEADING_KEYS, []))
    # For all values is true where there is none, too.
    is_stated = conditions.get("Null", {}).get(_LEADING_KEYS) == "false"
    return is_stated and len(keys) == 1 and str(keys[0]).endswith("#routed") == of_router


def _is_of_own_tables(statement: Mapping[str, Any], resources: list[Any]) -> bool:
    """By their ids, or by the deployment's tag."""
    tagged = statement.get("Condition", {}).get("StringEquals", {}).get(f"aws:ResourceTag/{tags.DEPLOYMENT}")
    return bool(tagged) or not any(map(_is_wild, resources))


def _is_wild(resource: object) -> bool:
    """Whether a resource of a statement stands for many, whose names aren't known."""
    return json.dumps(resource).rstrip('"]}').endswith("*")
