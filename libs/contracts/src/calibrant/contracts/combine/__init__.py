"""Messages of combine. Generated."""
