"""Messages of certify. Generated."""
