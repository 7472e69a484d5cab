#!/usr/bin/python3
"""On a lab host in the place of `cdk-host`: runs the steps it is given, with AWS's answers from a file.

A step's argument follows an equals sign. With DIES_AFTER in its environment it dies, like the host at a power cut, after so
many changes.
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, "/opt/cdk-intersystems")
from bootstrap.host.aws import ec2, s3, secrets
from bootstrap.host.context import CONFIG, Context, Identity
from bootstrap.host.description import S3Object, read_description
from bootstrap.host.errors import StepError
from bootstrap.host.settings import Secrets, Settings
from bootstrap.host.steps import discovery, schedules, web_gateway, web_server

says = json.loads(Path("/srv/aws.json").read_text())
left = int(os.environ.get("DIES_AFTER", "0"))


def answer(what):
    with Path("/srv/calls").open("a") as calls:
        calls.write(what + "\n")
    if what in says["refused"]:
        raise StepError(f"{what} is refused")
    return says[what]


def instances(aws, tags):
    assert tags == {"cdk-intersystems:deployment": "trakcare", "cdk-intersystems:tier": "app"}, tags
    return [tuple(each) for each in answer("instances")]


def fetch(aws, source, to):
    answer("kit")
    to.write_bytes(Path("/srv/kit").read_bytes())


def counted(work):
    def do(*arguments, **named):
        global left  # noqa: PLW0603
        done = work(*arguments, **named)
        if done is not False and "show" not in (arguments[0] if isinstance(arguments[0], list) else ()):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return done

    return do


ec2.running_instances, s3.fetch, secrets.get_secret = instances, fetch, lambda aws, arn: answer("secret")
discovery._FIRST_LOOK_SECONDS = 0
host = Context(
    Identity("i-0web", "eu-west-2", "eu-west-2a", "10.20.9.10", {}),
    read_description(CONFIG / "host.json"),
    Settings(S3Object("b", "k", "0" * 64, ""), Secrets("", says["arn"], "", ""), "log", None),
    None,
    lambda line: print(line, flush=True),
)
host.run, host.write = counted(host.run), counted(host.write)
steps = {name: getattr(module, name) for module in (web_gateway, discovery, web_server, schedules) for name in dir(module)}
for word in sys.argv[1:]:
    name, *arguments = word.split("=")
    try:
        steps[name](host, *map(float, arguments))
    except StepError as error:
        sys.exit(f"step {name}: {error}")
