"""The camera as a component of SAL over Kafka: its commands taken in, its answers and events told."""
