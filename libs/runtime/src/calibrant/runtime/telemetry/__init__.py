"""What an operator sees of a service: metrics, logs with their run, traces. Knows no handler and no topic's meaning."""
