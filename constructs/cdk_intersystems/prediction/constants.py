"""Every number of the simulated world that isn't a deployment's own setting, with its source. Seconds.

"HA" is InterSystems' High Availability Guide 2025.3. What is marked as an estimate was measured by nobody; it decides nothing
but what `predict` shows. Nothing here was verified on AWS.
"""

from typing import Final

from .span import Span

# --- The mirror ---------------------------------------------------------------------------------------------------------------

#: Default of the mirror's quality of service timeout. Source: HA 4.15, "Configuring the Quality of Service (QoS) Timeout
#: Setting".
QOS_TIMEOUT: Final = 8.0
#: A member acts after an answer has been missing for between this share of the QoS timeout and all of it.
#: Source: InterSystems' advisory of 28 April 2015 on the default QoS value: "the minimum is one-half of that".
QOS_LEAST_SHARE: Final = 0.5
#: In agent-controlled mode a primary that lost its backup waits this many QoS timeouts. Source: HA 3.3.5.1.
TROUBLE_TIMEOUTS: Final = 2.0
#: A connection whose other end has died, while that host's kernel still runs, is known to be broken at once.
CLOSED_CONNECTION: Final = Span(
    0.001, 0.01, 0.2, "estimate", "a TCP reset within a region, and the time of a busy process to see it"
)
#: Journal catch-up, roll-back and startup until `CheckBecomePrimaryOK` is called.
TAKEOVER: Final = Span(
    2.0, 4.0, 20.0, "estimate", "two published estimates, 2-10 s and 5-30 s; depends on what has to be rolled back"
)
#: From the return of `CheckBecomePrimaryOK` until users are let in.
TAKEOVER_END: Final = Span(0.05, 0.3, 2.0, "estimate", "HA 4.17 tells the order, nobody tells the time")
#: From `iris stop` until the backup was told to take over.
HANDOVER: Final = Span(0.1, 0.5, 3.0, "estimate", "HA 3.3.2.2: a normal shutdown tells the backup; nobody tells the time")
#: From a connection that can be made again until the mirror has made it.
RECONNECT: Final = Span(0.5, 2.0, 8.0, "estimate", "members go on trying (HA 3.3.5); nobody tells how often")
#: Until a backup that is connected again has caught up and is active.
CATCH_UP: Final = Span(0.5, 2.0, 15.0, "estimate", "depends on the journal that was missed")
#: How long a member that was frozen takes itself for the primary after it is thawed.
WAKING: Final = Span(0.0, 0.3, 2.0, "estimate", "until its processes have seen their closed connections")
#: From a new primary until its gate takes connections of the endpoint. Source: `bootstrap/gate/renewer.py`.
GATE_OPENS: Final = Span(0.0, 0.5, 1.1, "setting", "renewer.py: the role is asked for each second")
#: The watch on a member asks for the role this often, and claims after two looks. Source: `bootstrap/call_out`.
WATCH_EVERY: Final = 1.0
#: After how long a call-out that wasn't routed yet tells the router again.
TELL_AGAIN: Final = 10.0

# --- AWS's APIs ---------------------------------------------------------------------------------------------------------------

DYNAMODB_CALL: Final = Span(
    0.004, 0.01, 0.1, "estimate", "single-digit milliseconds are usual for one item; a first connection's TLS above it"
)
SQS_SEND: Final = Span(0.008, 0.02, 0.15, "estimate", "round trips of the AWS SDKs within a region")
EC2_CALL: Final = Span(0.08, 0.2, 1.2, "estimate", "round trips of EC2's API within a region")
ELB_CALL: Final = Span(0.08, 0.25, 1.2, "estimate", "round trips of Elastic Load Balancing's API within a region")
ROUTE53_CALL: Final = Span(0.1, 0.3, 1.5, "estimate", "round trips of Route 53's API, whose control plane is in us-east-1")
#: What a client of these APIs waits for an answer, and between two tries: exponential with full jitter.
#: Source: `bootstrap/call_out` (1 s), `lambda/mirror_router/patience.py`.
API_LIMIT: Final = 1.0
RETRY_BASE: Final = 0.1
RETRY_MOST: Final = 2.0
#: Buckets of EC2's API: tokens, and tokens per second. Source: Amazon EC2 Developer Guide, "Request throttling", request token
#: bucket sizes: mutating actions 50 and 5, non-mutating ones 100 and 20; for each account, region and action.
EC2_MUTATING: Final = (50.0, 5.0)
EC2_NON_MUTATING: Final = (100.0, 20.0)
#: Route tables are written this many at a time. Source: `lambda/mirror_router/route_tables.py`.
ROUTE_THREADS: Final = 5
#: Then the run looks again. Source: the same.
ROUTE_ROUND: Final = 50

# --- Queue and function -------------------------------------------------------------------------------------------------------

QUEUE_DELIVERY: Final = Span(
    0.02, 0.06, 0.5, "estimate", "SQS to Lambda: long polling answers when a message comes; 0.05-0.5 s planned for"
)
COLD_START: Final = Span(0.25, 0.6, 1.6, "estimate", "a Python function with boto3; a cold start of 1 s was planned for")
#: How likely a function that is called each minute is cold: AWS moves it to another host now and then.
COLD_SHARE: Final = 0.02
WARM_START: Final = Span(0.001, 0.003, 0.03, "estimate", "the overhead of a function that is warm")
#: Visibility timeout of the queue, timeout of the function, receives until a message is parked: settings of this project.
VISIBILITY_TIMEOUT: Final = 30.0
FUNCTION_TIMEOUT: Final = 30.0
MOST_RECEIVES: Final = 10
RESERVED_CONCURRENCY: Final = 3
#: The reconciler's schedule. Source: EventBridge's granularity, one minute (EventBridge User Guide).
RECONCILE_EVERY: Final = 60.0
#: A message with the deduplication id of one sent so long ago is dropped. Source: SQS Developer Guide, "Message deduplication".
DEDUPLICATION: Final = 300.0

# --- What leads clients -------------------------------------------------------------------------------------------------------

ROUTE_PROPAGATION: Final = Span(
    0.2, 1.0, 4.0, "estimate", "ReplaceRoute including propagation 1-5 s; F5 moves 25 addresses and 100 routes in 5 s"
)
LISTENER_PROPAGATION: Final = Span(2.0, 10.0, 60.0, "estimate", "undocumented; 5-60 s planned for")
HEALTH_PROPAGATION: Final = Span(
    1.0,
    8.0,
    40.0,
    "observed",
    "NLB: unhealthy targets got new connections for 30-40 s (aws/containers-roadmap#470); AWS plans one minute",
)
REGISTRATION: Final = Span(
    60.0,
    180.0,
    300.0,
    "observed",
    "AWS Support: 3 to 5 minutes (aws-load-balancer-controller#1834, open); 60-90 s seen in 2025",
)
#: A change of a record is at all servers generally within 60 s. Source: Route 53 Developer Guide, "Editing records".
DNS_PROPAGATION: Final = Span(5.0, 30.0, 60.0, "documented", "Route 53: generally within 60 seconds, INSYNC tells")
DNS_TTL: Final = 60.0
#: Of the names that follow the region latch, as `region_routing/region_routing.py` defines them.
REGION_NAME_TTL: Final = 30.0
#: A health check of Route 53 is healthy when more than this share of the checkers say so. Source: Route 53 Developer Guide,
#: "How Amazon Route 53 determines whether a health check is healthy".
CHECKER_QUORUM: Final = 0.18
#: Checkers of one endpoint: 60 to 70 requests a minute with an interval of 10 s (AWS blog on Route 53 health checks), hence
#: eleven.
CHECKERS: Final = 11
#: Intervals, thresholds. Source: Route 53 API, HealthCheckConfig; ELB API, CreateTargetGroup.
ROUTE53_INTERVALS: Final = (10, 30)
ROUTE53_THRESHOLDS: Final = (1, 10)
ELB_INTERVALS: Final = (5, 300)
ELB_TIMEOUTS: Final = (2, 120)
ELB_THRESHOLDS: Final = (2, 10)

# --- Clients ------------------------------------------------------------------------------------------------------------------

ROUND_TRIP: Final = Span(0.001, 0.002, 0.01, "estimate", "between zones of one region; connecting and one write")
#: TCP sends again after this, doubling, and gives up after 15 times. Source: Linux, TCP_RTO_MIN and TCP_RTO_MAX,
#: Documentation/networking/ip-sysctl.rst, tcp_retries2: "a hypothetical timeout of 924.6 seconds".
TCP_RTO_LEAST: Final = 0.2
TCP_RTO_MOST: Final = 120.0
TCP_GIVES_UP: Final = 924.6
#: A SYN is sent again after this, doubling. Source: Linux, TCP_TIMEOUT_INIT.
TCP_SYN_AGAIN: Final = 1.0

# --- Two regions: Route 53 and the latch --------------------------------------------------------------------------------------

#: Period of a metric that a health check may follow: standard resolution. Source: Route 53 API, AlarmIdentifier.
METRIC_PERIOD: Final = 60.0
#: From the end of a metric's period until the health check that follows it knows.
METRIC_TO_HEALTH_CHECK: Final = Span(
    5.0,
    25.0,
    60.0,
    "estimate",
    "undocumented: the checkers read the data stream, not the alarm (Route 53 Developer Guide); 60-120 s planned for in all",
)
#: From the checkers' verdict until Route 53's name servers answer by it.
HEALTH_TO_ANSWER: Final = Span(1.0, 4.0, 15.0, "estimate", "undocumented; the data plane is global, about 5 s planned for")
#: From a routing control that was set until its health check says so.
ROUTING_CONTROL: Final = Span(0.5, 3.0, 20.0, "estimate", "undocumented, seconds; only its endpoints' quorum is described")
S3_PUT: Final = Span(
    0.02, 0.06, 0.5, "estimate", "round trips of S3's API within a region; a write is seen by every later read"
)
CLOUDWATCH_PUT: Final = Span(0.01, 0.04, 0.5, "estimate", "round trips of CloudWatch's API within a region")
ROUTING_CONTROL_CALL: Final = Span(0.05, 0.3, 2.0, "estimate", "to an endpoint in another region, a second one if it fails")

# --- Two regions: the promotion -----------------------------------------------------------------------------------------------

TRANSITION: Final = Span(0.02, 0.08, 0.4, "estimate", "a transition of a standard workflow and the start of its task")
#: From SendCommand until the agent of a host that lives has run a command that takes no time, and its answer can be read.
RUN_COMMAND: Final = Span(0.8, 2.0, 8.0, "estimate", "Systems Manager: the agent is told at once as a rule, or asks again")
#: `Promote()`: journal from the others as far as they can be reached, and the member's type changes.
PROMOTE: Final = Span(2.0, 6.0, 40.0, "estimate", "High Availability Guide 5.5 tells the steps, nobody tells the time")
STOP_INSTANCE: Final = Span(
    20.0, 55.0, 360.0, "estimate", "IRIS stops in good order first: a DR member has no users, its WIJ is written out; then EC2"
)
START_INSTANCE: Final = Span(5.0, 15.0, 60.0, "estimate", "EC2: from pending to running")
BOOT: Final = Span(15.0, 30.0, 120.0, "estimate", "from running until the agent of Systems Manager takes commands")
START_IRIS: Final = Span(10.0, 30.0, 150.0, "estimate", "IRIS with its shared memory in huge pages; a DR member connects")
#: How likely a start is refused for want of capacity, each type anew. When a whole region is lost, many want the same.
NO_CAPACITY_SHARE: Final = 0.15
#: A start that is refused for want of capacity says so in this time.
NO_CAPACITY: Final = Span(0.5, 2.0, 15.0, "estimate", "StartInstances answers InsufficientInstanceCapacity itself as a rule")
#: From an Auto Scaling group that was raised until its first new host serves: launch, boot, bundle, service, health check.
TIER_HOST: Final = Span(70.0, 150.0, 420.0, "estimate", "launch and boot 40-120 s, bundle and start 20-180 s, checks 10-120 s")
#: From the mirror's primary until a web or application server of the region that is up already works with it.
TIER_FOLLOWS: Final = Span(0.5, 5.0, 20.0, "estimate", "ECP asks each 5 s (Scalability Guide); the Web Gateway tries members")
#: Fencing a region of which nothing answers: its first call finds no connection, or gets no answer.
#: Source: `lambda/region_promotion/endpoints.py`: 2 s to connect, 3 s to be answered, once.
FENCE_UNREACHABLE: Final = Span(2.0, 2.0, 5.0, "setting", "lambda/region_promotion/endpoints.py")
#: A step that isn't done is run again after this: one that asks a host, one that asks EC2.
#: Source: `lambda/region_promotion/steps_database.py`, `steps_instance.py`.
ASK_AGAIN: Final = 1.0
EC2_AGAIN: Final = 3.0
#: A run of a step waits for a host's answer so long by itself, looking this often. Source: `lambda/region_promotion/hosts.py`.
ANSWER_WAIT: Final = 5.0
ANSWER_LOOK: Final = 0.5
#: A step that failed is run again after this. Source: `cdk_intersystems/region_failover/workflow.py`.
STEP_RETRY: Final = 2.0
STEP_RETRY_MOST: Final = 15.0
#: When every type was refused for want of capacity, they are tried anew after this. Source: `steps_instance.py`.
CAPACITY_AGAIN: Final = 15.0
#: A user whose page failed tries it again after at most this; a browser's own connection attempt takes longer only to a
#: region that doesn't answer.
USER_TRIES_AGAIN: Final = 5.0
