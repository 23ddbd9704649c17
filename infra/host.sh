set -euo pipefail
dnf install -y -q docker aws-cfn-bootstrap
systemctl enable --now docker
install -d -m 0750 -o 10001 -g 10001 /var/lib/streamgauge

umask 077
cat > /etc/streamgauge.env <<'SETTINGS'
@SETTINGS@
SETTINGS
secret='@CACHE_SECRET@'
if [ -n "$secret" ]; then
  token=$(aws secretsmanager get-secret-value --region @REGION@ --secret-id "$secret" --query SecretString --output text)
  echo "STREAMGAUGE_CACHE_URL=valkeys://:$token@@CACHE_HOST@:6379/0" >> /etc/streamgauge.env
fi

aws ecr get-login-password --region @REGION@ | docker login --username AWS --password-stdin @REGISTRY@
docker pull -q @IMAGE@

cat > /etc/systemd/system/streamgauge.service <<'UNIT'
[Unit]
Description=Streamgauge
After=docker.service
Requires=docker.service
[Service]
Restart=always
RestartSec=5
TimeoutStopSec=60
ExecStartPre=-/usr/bin/docker rm -f streamgauge
ExecStart=/usr/bin/docker run --rm --name streamgauge --env-file /etc/streamgauge.env \
  --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
  -v /var/lib/streamgauge:/data -p @PORT@:@PORT@ \
  --log-driver awslogs --log-opt awslogs-region=@REGION@ --log-opt awslogs-group=@LOG_GROUP@ @IMAGE@
ExecStop=/usr/bin/docker stop -t 45 streamgauge
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now streamgauge

@IMPORTER@
for _ in $(seq 1 60); do
  curl -sf -o /dev/null http://127.0.0.1:@PORT@/healthz && exit 0
  sleep 5
done
exit 1
