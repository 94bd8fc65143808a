"""Messages of camera. Generated."""
