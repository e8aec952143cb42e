"""Downloads datasets: requests, fetches, verifies."""
