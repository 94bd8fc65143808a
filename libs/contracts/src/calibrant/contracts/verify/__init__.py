"""Messages of verify. Generated."""
