"""Generated tables. Do not edit."""
