"""The durable log and what makes delivery safe: ports, embedded adapter, outbox, inbox, dead letters."""
