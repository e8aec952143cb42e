#!/bin/sh
# Sends one ingest job with Debian's amqp-tools; its answer is shown by `portal jobs ID`.
#   submit_job.sh job.json          with the broker's address in PORTAL_AMQP_URL
exec amqp-publish --url="$PORTAL_AMQP_URL" --routing-key=ingest.jobs --content-type=application/json --persistent < "$1"
