"""Labels of fields and values, and titles in words, from the profile."""
