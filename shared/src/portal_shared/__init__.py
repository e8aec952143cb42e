"""What the services have in common: the contracts, and the plumbing under them."""
