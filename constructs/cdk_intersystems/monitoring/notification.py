"""Where an alarm goes."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from cdk_intersystems.policy.acknowledge import acknowledge

NO_TOPIC = "no alarm topic was given to the construct; the alarm's state is still to be seen"


def notify(alarm: cloudwatch.Alarm, topic: sns.ITopic | None, *, untold: str = NO_TOPIC) -> None:
    """Send an alarm and its end to a topic; with none, say why to the packs that ask for an action."""
    if topic is not None:
        to_topic = actions.SnsAction(topic)
        alarm.add_alarm_action(to_topic)
        alarm.add_ok_action(to_topic)
    else:
        acknowledge(
            alarm,
            {
                "HIPAA.Security-CloudWatchAlarmAction": untold,
                "NIST.800.53.R5-CloudWatchAlarmAction": untold,
            },
        )
