"""The messages services exchange, generated from proto/: pydantic models, JSON Schema, the topic table."""
