"""What services exchange: events, jobs, records, file addresses."""
