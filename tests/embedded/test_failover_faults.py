"""What fails on the way is done again or found by a person: nothing is lost, and no half-done failover stays so."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import pytest

from .faults import FaultyWay, Kill
from .mirror_sets import MirrorSet, now, until

pytestmark = pytest.mark.embedded

# As deployed a message comes again after half a minute; here at once.
AGAIN_SECONDS = 2


@pytest.fixture(scope="module")
def only_messages() -> Iterator[Callable[[MirrorSet], MirrorSet]]:
    """Switches off all that wakes a mirror set's router but its queue, and has failed messages come again soon."""
    undo: list[Callable[[], Any]] = []

    def switch(found: MirrorSet) -> MirrorSet:
        events, sqs = found.clients("events"), found.clients("sqs")
        # A message that an earlier run works on still has the deployed timeout.
        until(lambda: found.waiting() == 0)
        rules = [rule["Name"] for rule in events.list_rules(NamePrefix=f"{found.stack}-Failover")["Rules"]]
        assert len(rules) == 2
        queue = {"QueueUrl": found.outputs["OutQueue"]}
        deployed = sqs.get_queue_attributes(**queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        for name in rules:
            events.disable_rule(Name=name)
            undo.append(lambda name=name: events.enable_rule(Name=name))
        until(lambda: is_quiet(found))
        sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": str(AGAIN_SECONDS)})
        undo.append(lambda: sqs.set_queue_attributes(**queue, Attributes=deployed))
        return found

    yield switch
    for each in undo:
        each()


def is_quiet(found: MirrorSet) -> bool:
    """Whether no run that was begun before the rules were switched off has come to its end for a while."""
    lines = len(found.log())
    time.sleep(2)
    return len(found.log()) == lines


@pytest.fixture(scope="module")
def mirror_set(by_route: MirrorSet, only_messages: Callable[[MirrorSet], MirrorSet]) -> MirrorSet:
    return only_messages(by_route)


@pytest.fixture(scope="module")
def listening(by_listener: MirrorSet, only_messages: Callable[[MirrorSet], MirrorSet]) -> MirrorSet:
    return only_messages(by_listener)


def other(found: MirrorSet) -> str:
    """The member that clients are not led to."""
    return "a" if found.routed()["member"] == "b" else "b"


class Dead(NamedTuple):
    """How far a router had come when it died.

    Attributes:
        operation: What it died of calling.
        after: How many of it had been done.
        lands: Whether the call still reaches AWS, after its caller's death.
        led: How many of four route tables led to the new primary then.
    """

    operation: str
    after: int
    lands: bool
    led: int


@pytest.mark.parametrize(
    "dead",
    [
        Dead("BatchGetItem", after=0, lands=False, led=0),
        Dead("ReplaceRoute", after=0, lands=False, led=0),
        Dead("ReplaceRoute", after=2, lands=False, led=2),
        Dead("ReplaceRoute", after=2, lands=True, led=2),
        Dead("TransactWriteItems", after=0, lands=False, led=4),
        Dead("TransactWriteItems", after=0, lands=True, led=4),
    ],
    ids=[
        "before it has read",
        "before the first route",
        "with half the routes written",
        "with half of them written, and one that lands after its death",
        "before it has confirmed",
        "with the confirmation landing after its death",
    ],
)
def test_what_a_killed_router_began_is_finished_when_the_message_comes_again(
    mirror_set: MirrorSet, way: FaultyWay, dead: Dead
) -> None:
    member, before, lines = other(mirror_set), mirror_set.routed(), len(mirror_set.decisions())
    found: dict[str, Any] = {}

    def look() -> None:
        found["routes"], found["routed"] = mirror_set.vip_routes(), mirror_set.routed()

    mirror_set.claim(member)
    way.kill(Kill(dead.operation, dead.after, dead.lands, look))
    mirror_set.send(mirror_set.message(member, mirror_set.epoch))
    until(lambda: mirror_set.routed()["epoch"] == str(mirror_set.epoch) and mirror_set.waiting() == 0)
    assert len(way.killed) == 1
    # Nothing else has woken it: such a run tells what did.
    assert [line for line in mirror_set.decisions()[lines:] if "on" in line] == []
    assert found["routed"] == before
    assert list(found["routes"].values()).count(mirror_set.instance(member)) == dead.led
    # Half done, each table still led somewhere.
    assert set(found["routes"]) == mirror_set.deployed_tables()
    assert mirror_set.vip_routes() == dict.fromkeys(mirror_set.deployed_tables(), mirror_set.instance(member))
    assert mirror_set.parked() == []


def test_so_it_is_with_a_listener(listening: MirrorSet, way: FaultyWay) -> None:
    member, before = other(listening), listening.led_by_listener()
    found: list[str] = []
    listening.claim(member)
    way.kill(Kill("ModifyListener", after=0, lands=False, look=lambda: found.append(listening.led_by_listener())))
    listening.send(listening.message(member, listening.epoch))
    until(lambda: listening.routed()["epoch"] == str(listening.epoch) and listening.waiting() == 0)
    assert (len(way.killed), found) == (1, [before])
    assert listening.led_by_listener() == member


def test_a_batch_fails_in_part(mirror_set: MirrorSet, in_one_batch: Callable[[], AbstractContextManager[None]]) -> None:
    canaries, failed, parked = (count(mirror_set) for count in (_canaries, _failed, _parked))
    member, routes = other(mirror_set), mirror_set.routes()
    mirror_set.claim(member, instance="i-0123456789abcdef0")
    canary = {"schema": 1, "kind": "canary", "mirror_set": "VIP", "member": "a", "sent_at": now()}
    with in_one_batch():
        mirror_set.send(canary, "canary-a")
        mirror_set.send("no message", "another")
        mirror_set.send(mirror_set.message(member, mirror_set.epoch))
    until(lambda: _failed(mirror_set) >= failed + 3)
    # The claim came again and again, the others didn't, and nobody was led to an instance that isn't the member's.
    assert mirror_set.waiting() == 1
    assert [_canaries(mirror_set), _parked(mirror_set)] == [canaries + 1, parked + 1]
    assert [body for body, _ in mirror_set.parked()] == ["no message"]
    assert mirror_set.routes() == routes
    assert mirror_set.alarm("RoutingFailed") == "ALARM"
    # They had come together.
    runs = "\n".join(mirror_set.log()).split("START RequestId")
    assert [
        run for run in runs if '"a message is parked"' in run and '"clients are not led"' in run and '"CallOutCanary"' in run
    ]
    # Nor is it lost: the same message leads clients as soon as that can be done.
    mirror_set.claim(member)
    until(lambda: mirror_set.waiting() == 0)
    assert mirror_set.routed()["epoch"] == str(mirror_set.epoch)
    assert mirror_set.vip_routes() == dict.fromkeys(mirror_set.deployed_tables(), mirror_set.instance(member))


def test_what_fails_again_and_again_is_parked_as_it_was_and_changes_nothing(mirror_set: MirrorSet) -> None:
    member, failed = other(mirror_set), _failed(mirror_set)
    routes, routed = mirror_set.routes(), mirror_set.routed()
    mirror_set.claim(member, instance="i-0123456789abcdef0")
    message = mirror_set.message(member, mirror_set.epoch)
    mirror_set.send(message)
    sqs, parked = mirror_set.clients("sqs"), mirror_set.outputs["OutParked"]
    (found,) = until(lambda: sqs.receive_message(QueueUrl=parked, WaitTimeSeconds=1).get("Messages"), 90)
    sqs.delete_message(QueueUrl=parked, ReceiptHandle=found["ReceiptHandle"])
    assert json.loads(found["Body"]) == message
    # As often as the queue's redrive policy says.
    until(lambda: _failed(mirror_set) == failed + 10)
    assert (mirror_set.routes(), mirror_set.routed(), mirror_set.waiting()) == (routes, routed, 0)
    # The group is free again.
    mirror_set.take_over(member)
    assert mirror_set.vip_routes() == dict.fromkeys(mirror_set.deployed_tables(), mirror_set.instance(member))


def _failed(found: MirrorSet) -> float:
    return found.metric("RoutingFailed")


def _parked(found: MirrorSet) -> float:
    return found.metric("MessagesParked")


def _canaries(found: MirrorSet) -> float:
    return found.metric("CallOutCanary", member="a")


@pytest.fixture
def in_one_batch(mirror_set: MirrorSet) -> Callable[[], AbstractContextManager[None]]:
    """Holds the queue's messages back until all are sent."""
    functions = mirror_set.clients("lambda")
    (source,) = functions.list_event_source_mappings(FunctionName=mirror_set.outputs["OutFunction"])["EventSourceMappings"]

    @contextmanager
    def hold() -> Iterator[None]:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=source["UUID"], Enabled=True)

    return hold
