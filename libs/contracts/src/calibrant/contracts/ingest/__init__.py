"""Messages of ingest. Generated."""
