#!/bin/sh
# Sends one ingest job with amqp-publish (Debian package amqp-tools). `portal jobs ID` shows its answer.
#   PORTAL_AMQP_URL=amqp://user:password@host:5672 submit_job.sh job.json
# amqp-publish takes a slash at the end for a virtual host without a name, so the slash is removed.
exec amqp-publish --url="${PORTAL_AMQP_URL%/}" --routing-key=ingest.jobs --content-type=application/json --persistent < "$1"
