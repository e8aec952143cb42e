"""Commands for the broker: what is in its queues, and how it is set up."""
