"""RabbitMQ: topology, publisher, retries, outbox."""
