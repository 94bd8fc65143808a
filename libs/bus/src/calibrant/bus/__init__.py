"""The durable log: ports, the embedded adapter, CloudEvents headers, and errors by what a retry would do."""
