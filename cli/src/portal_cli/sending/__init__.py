"""Jobs to the queue, answers back."""
