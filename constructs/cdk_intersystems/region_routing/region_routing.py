"""`RegionRouting`: a name that leads clients to the region which holds the traffic, and to no other."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk_intersystems.model.region_latch import Latch, latch_path

REGION_STATUS_PATH = "/status/region/mirror_status.cxw"
"""Where a web tier answers whether a member of its region is primary: 200 with `SUCCESS` if one is."""

_RECORD_TTL = "30"
"""Seconds. Source: Route 53 Developer Guide, "Values specific for failover records": 60 or less with health checks. With 60
half of the users would wait for two minutes and more with a latch of kind `metric`, as the prediction shows."""

_HTTPS = 443
# The shorter of the two intervals there are, in seconds. Source: Route 53 API, HealthCheckConfig, RequestInterval.
_FAST = 10
# With fewer, one bad moment of S3 would do: while the DR region holds, an object that can't be read leads users to the other
# region. Of a region's own service it changes nothing about who is answered, so that there is no need to be quick about it.
_FAILURES = 3


class RegionRouting(Construct):
    """Defines `<label>.<name>.<zone>`, which follows the region latch.

    It is a pair of failover records, each the name of a region's own: `<label>-primary` and `<label>-dr`. Their health checks
    are such that the answer depends on the latch alone:

    | latch | PRIMARY's check | SECONDARY's check | Route 53 answers |
    |---|---|---|---|
    | primary, and it serves | healthy | unhealthy | PRIMARY |
    | primary, and it doesn't serve | unhealthy | unhealthy | PRIMARY: both unhealthy |
    | dr, whatever serves where | unhealthy | healthy | SECONDARY |

    So a failover within either region sends nobody to the other one, and the former primary region gets nobody back when it
    answers again. Whether the DR region serves is no part of SECONDARY's check: while it fails over within itself, both would
    be unhealthy, and Route 53 would answer PRIMARY.

    Everything stands in the DR region's stack: neither a record nor a check is changed to move clients. The records name
    names: no stack of one region refers to another's, and Route 53 takes no alias of a record that isn't there yet.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        zone_id: str,
        zone: str,
        name: str,
        label: str,
        holds_alarm: cloudwatch.IAlarm,
        primary_alarm: cloudwatch.IAlarm | None = None,
        latch: Latch | None = None,
        latch_bucket_domain: str | None = None,
        private: bool = True,
        primary_endpoint_fqdn: str | None = None,
        status_path: str | None = None,
    ) -> None:
        """Define the name.

        Args:
            scope: The construct this belongs to.
            id: Its id within the scope.
            zone_id: Id of the hosted zone.
            zone: Its name.
            name: Name of the deployment within the zone.
            label: The service's label: clients use `<label>.<name>.<zone>`.
            holds_alarm: The alarm on `DrHoldsTraffic`, in this region; `RegionWatch` has it.
            primary_alarm: The alarm on `PrimaryRegionServes`, likewise. Default: PRIMARY's check is the latch alone.
            latch: What carries the latch. Default: the metric behind `holds_alarm`.
            latch_bucket_domain: Regional domain name of the latch's bucket; needed with the kind `s3_object`.
            private: Whether the service is reached from private networks alone, so that Route 53's checkers can't ask it.
                Default: it is.
            primary_endpoint_fqdn: The name by which the checkers ask the primary region's service. Default: the region's own
                name of this label. It isn't used if `private`.
            status_path: The path they ask for. Default: `/status/region/mirror_status.cxw`.

        Raises:
            ValueError: If the latch lacks its bucket.
        """
        super().__init__(scope, id)
        latch = latch or Latch()
        if (latch.kind == "s3_object") != (latch_bucket_domain is not None):
            raise ValueError("latch_bucket_domain: a latch of the kind s3_object has a bucket, and no other has one")
        self._name = f"{label}.{name}.{zone}"
        self._tag = f"{label}.{name}"
        regions = {role: f"{label}-{role}.{name}.{zone}" for role in ("primary", "dr")}
        latch_primary, latch_dr = self._latch_checks(latch, holds_alarm, latch_bucket_domain)
        serves = (
            self._by_alarm("PrimaryServes", primary_alarm)
            if private
            else self._by_endpoint(primary_endpoint_fqdn or regions["primary"], status_path or REGION_STATUS_PATH)
        )
        primary = self._all_of("Primary", [latch_primary, *([serves] if serves else [])])
        self._primary_check, self._secondary_check = primary, latch_dr
        for role, failover, check in (("primary", "PRIMARY", primary), ("dr", "SECONDARY", latch_dr)):
            route53.CfnRecordSet(
                self,
                f"{failover.capitalize()}Record",
                hosted_zone_id=zone_id,
                name=f"{self._name}.",
                type="CNAME",
                ttl=_RECORD_TTL,
                resource_records=[regions[role]],
                set_identifier=role,
                failover=failover,
                health_check_id=check.attr_health_check_id,
            )

    @property
    def domain_name(self) -> str:
        """The name that clients use."""
        return self._name

    @property
    def primary_check_id(self) -> str:
        """Id of the health check of the record that leads to the primary region."""
        return self._primary_check.attr_health_check_id

    @property
    def secondary_check_id(self) -> str:
        """Id of the health check of the record that leads to the DR region."""
        return self._secondary_check.attr_health_check_id

    def _latch_checks(
        self, latch: Latch, holds_alarm: cloudwatch.IAlarm, bucket_domain: str | None
    ) -> tuple[route53.CfnHealthCheck, route53.CfnHealthCheck]:
        """The checks that are healthy while the primary region holds the traffic, and while the DR region does.

        Except with routing controls, one is the other's opposite: they can't come to remember different things.
        """
        if latch.kind == "routing_control":
            return (
                self._check("LatchPrimary", type="RECOVERY_CONTROL", routing_control_arn=latch.primary),
                self._check("LatchDr", type="RECOVERY_CONTROL", routing_control_arn=latch.dr),
            )
        if latch.kind == "s3_object":
            dr = self._check(
                "LatchDr",
                type="HTTPS",
                fully_qualified_domain_name=bucket_domain,
                port=_HTTPS,
                resource_path=latch_path(),
                request_interval=_FAST,
                failure_threshold=_FAILURES,
                enable_sni=True,
            )
            return self._opposite("LatchPrimary", dr), dr
        primary = self._by_alarm("LatchPrimary", holds_alarm)
        assert primary is not None
        return primary, self._opposite("LatchDr", primary)

    def _by_alarm(self, id: str, alarm: cloudwatch.IAlarm | None) -> route53.CfnHealthCheck | None:
        """A check that is unhealthy while the stream of an alarm's metric crosses its threshold, and as it was without one."""
        if alarm is None:
            return None
        return self._check(
            id,
            type="CLOUDWATCH_METRIC",
            alarm_identifier=route53.CfnHealthCheck.AlarmIdentifierProperty(
                name=alarm.alarm_name, region=Stack.of(self).region
            ),
            insufficient_data_health_status="LastKnownStatus",
        )

    def _by_endpoint(self, fqdn: str, path: str) -> route53.CfnHealthCheck:
        return self._check(
            "PrimaryServes",
            # With the string: any status below 400 would do without it, a redirect too.
            type="HTTPS_STR_MATCH",
            search_string="SUCCESS",
            fully_qualified_domain_name=fqdn,
            port=_HTTPS,
            resource_path=path,
            request_interval=_FAST,
            failure_threshold=_FAILURES,
            enable_sni=True,
        )

    def _all_of(self, id: str, children: Sequence[route53.CfnHealthCheck]) -> route53.CfnHealthCheck:
        if len(children) == 1:
            return children[0]
        return self._check(
            id,
            type="CALCULATED",
            child_health_checks=[each.attr_health_check_id for each in children],
            health_threshold=len(children),
        )

    def _opposite(self, id: str, child: route53.CfnHealthCheck) -> route53.CfnHealthCheck:
        return self._check(
            id, type="CALCULATED", child_health_checks=[child.attr_health_check_id], health_threshold=1, inverted=True
        )

    def _check(self, id: str, **config: Any) -> route53.CfnHealthCheck:
        return route53.CfnHealthCheck(
            self,
            id,
            health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(**config),
            health_check_tags=[route53.CfnHealthCheck.HealthCheckTagProperty(key="Name", value=f"{self._tag} {id}")],
        )
