"""Messages of common. Generated."""
