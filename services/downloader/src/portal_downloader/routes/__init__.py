"""HTTP routes below /data, and the failure report for operators."""
