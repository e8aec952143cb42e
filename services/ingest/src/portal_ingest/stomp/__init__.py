"""Messages of ESRF's pyicat-plus, received through RabbitMQ's STOMP plugin."""
