cat > /usr/local/bin/streamgauge-import <<'SCRIPT'
#!/bin/bash
# Takes a dropped file from the queue and imports it; a file that comes again adds nothing.
set -euo pipefail
export AWS_DEFAULT_REGION=@REGION@
while true; do
  message=$(aws sqs receive-message --queue-url '@QUEUE@' --wait-time-seconds 10 --visibility-timeout 3600 \
    --query 'Messages[0].[ReceiptHandle,Body]' --output json)
  handle=$(jq -r '.[0] // empty' <<< "$message")
  [ -n "$handle" ] || exit 0
  key=$(jq -r '.[1] | fromjson | .detail.object.key' <<< "$message")
  folder=$(mktemp -d /var/lib/streamgauge/drop.XXXXXX)
  chmod 755 "$folder"
  aws s3 cp --quiet "s3://@BUCKET@/$key" "$folder/$(basename "$key")"
  site=$(cut -d/ -f1 <<< "$key")
  docker exec streamgauge python -m app import "/data/$(basename "$folder")" --site "$site"
  rm -r "$folder"
  aws sqs delete-message --queue-url '@QUEUE@' --receipt-handle "$handle"
done
SCRIPT
chmod 755 /usr/local/bin/streamgauge-import
cat > /etc/systemd/system/streamgauge-import.service <<'UNIT'
[Unit]
Description=Imports dropped files
After=streamgauge.service
[Service]
Type=oneshot
ExecStart=/usr/local/bin/streamgauge-import
UNIT
cat > /etc/systemd/system/streamgauge-import.timer <<'UNIT'
[Unit]
Description=Looks for dropped files every minute
[Timer]
OnBootSec=2min
OnUnitInactiveSec=1min
[Install]
WantedBy=timers.target
UNIT
dnf install -y -q jq
systemctl daemon-reload
systemctl enable --now streamgauge-import.timer
