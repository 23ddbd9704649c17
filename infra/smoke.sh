#!/usr/bin/env bash
# The smoke test of a deployment, run on one of its web hosts, which has the settings and may make the test's keys:
#   infra/smoke.sh NAME https://streamgauge.example https://collect.streamgauge.example
set -euo pipefail
name=$1 app=$2 collector=$3
host=$(aws ec2 describe-instances --query 'Reservations[].Instances[].InstanceId | [0]' --output text \
  --filters "Name=tag:streamgauge,Values=$name" Name=instance-state-name,Values=running)
[ "$host" != None ] || { echo "no web host of $name is running; look at the deployment's instances" >&2; exit 1; }
command=$(aws ssm send-command --instance-ids "$host" --document-name AWS-RunShellScript --timeout-seconds 60 \
  --parameters "commands=[\"docker exec streamgauge python -m app smoke '$app' --collector '$collector' --minutes 75\"],executionTimeout=[\"5400\"]" \
  --query Command.CommandId --output text)
state=Pending
while [ "$state" = Pending ] || [ "$state" = InProgress ] || [ "$state" = Delayed ]; do
  sleep 10
  state=$(aws ssm get-command-invocation --command-id "$command" --instance-id "$host" --query Status --output text)
done
aws ssm get-command-invocation --command-id "$command" --instance-id "$host" \
  --query '[StandardOutputContent, StandardErrorContent]' --output text
[ "$state" = Success ]
