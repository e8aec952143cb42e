"""Settings, errors, logs, MongoDB, background workers."""
