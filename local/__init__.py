"""The embedded stack: the real handlers on a laptop, without AWS and without Docker.

It knows both functions, and neither knows it. What queues, tables, routes, schedules and mappings are like is read
from template.yaml. ``stack`` puts the parts together:

====================  ==============================================================================
ministack             DynamoDB, SQS, SSM and Secrets Manager, in a process of their own on loopback
resources             the template's resources, made there
workers, worker       Lambda's execution environments: processes that handle one event at a time
gateway_http          the HTTP API
poller                the event source mapping, batch window included
scheduler             the template's schedules
inbox                 a look-alike of Slack's incoming webhooks, and a page that shows what it took
====================  ==============================================================================
"""
