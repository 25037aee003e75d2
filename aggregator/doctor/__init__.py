"""`aggregator doctor`: looks at a running site for the usual faults."""
