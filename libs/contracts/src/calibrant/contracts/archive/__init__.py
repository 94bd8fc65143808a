"""Messages of archive. Generated."""
